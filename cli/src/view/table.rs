//! Tables without lines, as narrow as they have to be. Names are never cut: they get copied.

use owo_colors::OwoColorize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Look;

/// Between two columns.
const GAP: usize = 2;
/// Fewer characters of a text than this say nothing.
const USEFUL: usize = 8;

/// Whether a column gives way where there is too little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// Never.
    Whole,
    /// It gets shorter, and goes if nothing useful is left of it: the one with the highest number first.
    Gives(u8),
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing.
    Plain,
    /// All is well.
    Good,
    /// Not yet.
    Wait,
    /// Something is wrong.
    Bad,
}

/// One place of a table.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text that means something.
    pub(super) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        let text = plain(text.as_ref());
        Self { text: if text.is_empty() { "-".to_owned() } else { text }, tone }
    }

    /// `text`, or a dash.
    pub(super) fn maybe(text: Option<&str>) -> Self {
        Self::toned(text.unwrap_or_default(), Tone::Plain)
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<(&'static str, Room)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// One with these columns.
    pub(super) fn new(columns: &[(&'static str, Room)]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row, of as many cells as there are columns.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    /// Its text.
    pub(super) fn text(&self, look: &Look) -> String {
        let widths = self.widths(look.width);
        let titles: Vec<Cell> = self.columns.iter().map(|(title, _)| Cell::from(title)).collect();
        let lines = std::iter::once(&titles).chain(&self.rows).map(|row| line(row, &widths, look.colours));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The width of each column; none for those that there is no room for.
    fn widths(&self, room: Option<usize>) -> Vec<Option<usize>> {
        let widest = |(index, (title, _)): (usize, &(&'static str, Room))| {
            let cells = self.rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.text.width());
            Some(cells.chain([title.width()]).max().unwrap_or(0))
        };
        let mut natural: Vec<Option<usize>> = self.columns.iter().enumerate().map(widest).collect();
        let Some(room) = room else { return natural };
        loop {
            if let Some(widths) = self.squeezed(&natural, room) {
                return widths;
            }
            let rank = |index: usize| match self.columns[index].1 {
                Room::Gives(rank) => natural[index].map(|_| rank),
                Room::Whole => None,
            };
            match (0..natural.len()).filter_map(|index| Some((rank(index)?, index))).max() {
                Some((_, first)) => natural[first] = None,
                None => return natural,
            }
        }
    }

    /// `widths` with columns made shorter until they fit, if that is enough.
    fn squeezed(&self, widths: &[Option<usize>], room: usize) -> Option<Vec<Option<usize>>> {
        let mut widths = widths.to_vec();
        loop {
            let over = total(&widths).saturating_sub(room);
            if over == 0 {
                return Some(widths);
            }
            let slack = |index: usize| match (self.columns[index], widths[index]) {
                ((title, Room::Gives(_)), Some(width)) => width.saturating_sub(title.width().max(USEFUL)),
                ((_, Room::Gives(_) | Room::Whole), _) => 0,
            };
            let mut slacks: Vec<(usize, usize)> =
                (0..widths.len()).map(|index| (slack(index), index)).collect();
            slacks.sort_unstable();
            let (most, index) = slacks.pop().filter(|(most, _)| *most > 0)?;
            // The widest first, and not below the next one, so that they end up alike.
            let next = slacks.pop().map_or(0, |(next, _)| next);
            widths[index] = widths[index].map(|width| width - (most - next).clamp(1, over));
        }
    }
}

fn total(widths: &[Option<usize>]) -> usize {
    let shown = widths.iter().flatten();
    shown.clone().sum::<usize>() + GAP * shown.count().saturating_sub(1)
}

fn line(row: &[Cell], widths: &[Option<usize>], colours: bool) -> String {
    let mut line = String::new();
    let mut behind = 0;
    for (cell, width) in row.iter().zip(widths).filter_map(|(cell, width)| Some((cell, (*width)?))) {
        line.extend(std::iter::repeat_n(' ', behind));
        let text = shortened(&cell.text, width);
        // Nothing behind the last one: a line that is exactly as wide as the terminal stays one line.
        behind = width - text.width() + GAP;
        line.push_str(&toned(&text, cell.tone, colours));
    }
    line
}

/// `text` in the colour of its meaning.
pub(super) fn toned(text: &str, tone: Tone, colours: bool) -> String {
    match tone {
        Tone::Plain => text.to_owned(),
        _ if !colours => text.to_owned(),
        Tone::Good => text.green().to_string(),
        Tone::Wait => text.yellow().to_string(),
        Tone::Bad => text.red().to_string(),
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for c in text.chars() {
        // U+FE0F turns the symbol before it into an emoji, which is one column wider.
        used += if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) };
        if used > width {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

/// `text` in one line and without anything that a terminal would obey: it may come from anybody.
pub(crate) fn plain(text: &str) -> String {
    let text = text.trim();
    if text.contains(|c: char| c.is_control()) {
        let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        spaced.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        text.to_owned()
    }
}

/// Lines of a name and a text each, the texts below each other and within the width.
pub(super) fn fields(pairs: &[(&str, Cell)], look: &Look) -> String {
    let names = pairs.iter().map(|(name, _)| name.width() + 1).max().unwrap_or(0) + GAP;
    let lines = pairs.iter().map(|(name, cell)| {
        let room = look.width.map_or(usize::MAX, |width| width.saturating_sub(names).max(USEFUL));
        let gap = " ".repeat(names - name.width() - 1);
        let indent = format!("\n{}", " ".repeat(names));
        let text: Vec<String> =
            wrapped(&cell.text, room).iter().map(|line| toned(line, cell.tone, look.colours)).collect();
        format!("{name}:{gap}{}", text.join(&indent))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `text` in lines of at most `width`, broken at spaces. A word that is longer is left whole: it may get copied.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(width: Option<usize>) -> Look {
        Look { width, colours: false, now: "2026-11-24T10:00:00Z".parse().unwrap() }
    }

    fn table() -> Table {
        let mut table = Table::new(&[
            ("NAME", Room::Whole),
            ("IMAGE", Room::Gives(1)),
            ("AGE", Room::Whole),
            ("MESSAGE", Room::Gives(2)),
        ]);
        table.row(vec!["mydev".into(), "registry.example.com/team/image:v1".into(), "5m".into(), "".into()]);
        table.row(vec!["a".into(), "b".into(), "2d".into(), "0/1 nodes are available: no memory".into()]);
        table
    }

    #[test]
    fn without_a_width_nothing_is_cut() {
        insta::assert_snapshot!(table().text(&look(None)), @r"
        NAME   IMAGE                               AGE  MESSAGE
        mydev  registry.example.com/team/image:v1  5m   -
        a      b                                   2d   0/1 nodes are available: no memory
        ");
    }

    #[test]
    fn columns_that_give_way_get_shorter_together() {
        insta::assert_snapshot!(table().text(&look(Some(60))), @r"
        NAME   IMAGE                    AGE  MESSAGE
        mydev  registry.example.com/t…  5m   -
        a      b                        2d   0/1 nodes are availabl…
        ");
    }

    #[test]
    fn without_room_they_go_and_names_stay_whole() {
        insta::assert_snapshot!(table().text(&look(Some(24))), @r"
        NAME   IMAGE         AGE
        mydev  registry.ex…  5m
        a      b             2d
        ");
        insta::assert_snapshot!(table().text(&look(Some(3))), @r"
        NAME   AGE
        mydev  5m
        a      2d
        ");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_while_names_have_room() {
        for width in 12..100 {
            for line in table().text(&look(Some(width))).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn what_a_terminal_would_obey_is_left_out() {
        assert_eq!(Cell::from("a\u{1b}]0;title\u{7}\nb\t c").text, "a ]0;title b c");
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(shortened("日本語", 5), "日本…");
        assert_eq!(shortened("日本語", 6), "日本語");
        let emoji = "⚠\u{fe0f}".repeat(4);
        assert_eq!((emoji.width(), shortened(&emoji, 5)), (8, "⚠\u{fe0f}⚠\u{fe0f}…".to_owned()));
    }

    #[test]
    fn fields_wrap_below_their_beginning() {
        let pairs = [("name", "mydev".into()), ("message", "one two three four".into())];
        insta::assert_snapshot!(fields(&pairs, &look(Some(20))), @r"
        name:     mydev
        message:  one two
                  three four
        ");
    }
}
