//! How a file looks in a list, as `ls -l` has it: clients show this line as it is.

use std::{fs::Metadata, os::unix::fs::MetadataExt};

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The line of a file called `name`, in UTC.
pub(super) fn line(name: &[u8], found: &Metadata, now: i64) -> Vec<u8> {
    let (mode, links, size) = (found.mode(), found.nlink(), found.size());
    let (user, group) = (found.uid(), found.gid());
    let when = date(found.mtime(), now);
    let mut line =
        format!("{} {links:>4} {user:<8} {group:<8} {size:>8} {when} ", permissions(mode)).into_bytes();
    line.extend_from_slice(name);
    line
}

fn permissions(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 == 0 { '-' } else { 'r' });
        text.push(if bits & 2 == 0 { '-' } else { 'w' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// With the time of day for the last half year, else with the year.
fn date(time: i64, now: i64) -> String {
    let (year, month, day) = civil(time.div_euclid(86_400));
    let month = MONTHS[month - 1];
    let seconds = time.rem_euclid(86_400);
    if (now - 182 * 86_400..=now + 3600).contains(&time) {
        format!("{month} {day:>2} {:02}:{:02}", seconds / 3600, seconds / 60 % 60)
    } else {
        format!("{month} {day:>2}  {year:>4}")
    }
}

/// Year, month and day of a day since 1970. Years begin in March here, so that a leap day is their last.
fn civil(day: i64) -> (i64, usize, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, usize::try_from(month).unwrap_or(1), of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_088), (2024, 12, 31));
        assert_eq!(civil(-1), (1969, 12, 31));
    }

    #[test]
    fn old_files_show_their_year_and_new_ones_their_time() {
        let now = 1_700_000_000;
        assert_eq!(date(now, now), "Nov 14 22:13");
        assert_eq!(date(0, now), "Jan  1  1970");
    }

    #[test]
    fn permissions_look_as_in_ls() {
        assert_eq!(permissions(0o100_644), "-rw-r--r--");
        assert_eq!(permissions(0o041_777), "drwxrwxrwt");
        assert_eq!(permissions(0o104_711), "-rws--x--x");
    }
}
