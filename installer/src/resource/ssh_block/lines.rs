//! The lines of devplat in a user's ssh configuration. Pure, and on bytes, because the rest of the file may have any
//! encoding.

use std::path::Path;

/// The block of one platform, as devplat writes it: an `Include` between two marks. `Match all` before it ends a stanza
/// above, in which the `Include` would apply to the hosts of the stanza only; the one after it keeps lines below apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    begin: String,
    include: String,
    end: String,
}

/// A file with lines of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    /// The state of the block.
    pub(super) state: BlockState,
    /// All other lines, byte for byte.
    pub(super) rest: Vec<u8>,
}

/// The state of a block in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockState {
    /// One whole block, as devplat writes it.
    Current,
    /// One whole block below a `Host` or `Match` line of the user, whose settings come first.
    Displaced,
    /// One whole block without `Match all`, as an older devplat wrote it.
    Older,
    /// One whole block that includes another file.
    Elsewhere,
    /// Several blocks, or parts of one.
    Damaged,
}

/// An `Include` of another file beside a mark without its counterpart, which may be devplat's or the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclear {
    /// The line of the mark, from 1.
    pub(super) mark: usize,
    /// The line of the `Include`, from 1.
    pub(super) include: usize,
}

/// A line of a file, as one platform sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockLine {
    Begin,
    /// `Match all`, of devplat or the user.
    All,
    Include,
    OtherInclude,
    End,
    Other,
}

impl BlockLine {
    fn is_mark(self) -> bool {
        match self {
            Self::Begin | Self::End => true,
            Self::All | Self::Include | Self::OtherInclude | Self::Other => false,
        }
    }
}

impl Block {
    /// Returns the block of `platform`, which includes the file `hosts`.
    pub(super) fn of(platform: &str, hosts: &Path) -> Self {
        Self {
            begin: format!(
                "{BEGIN}{platform}: written by `devplat ssh-config`, removed by `devplat destroy`"
            ),
            include: format!("Include {}", included(hosts)),
            end: format!("# <<< devplat {platform}"),
        }
    }

    /// Returns its lines.
    pub(super) fn text(&self) -> String {
        let Self { begin, include, end } = self;
        format!("{begin}\n{ALL}\n{include}\n{ALL}\n{end}\n")
    }

    /// Splits a file into the lines of this block and the rest; `None` if it has no line of this block. Only lines that
    /// devplat writes count: lines of the user between the marks stay. Fails if it is unclear whose a line is.
    pub(super) fn split(&self, text: &[u8]) -> Result<Option<Split>, Unclear> {
        let kinds: Vec<BlockLine> = lines(text).map(|line| self.kind(line)).collect();
        let is_own = own_lines(&kinds)?;
        let rest = lines(text).zip(&is_own).filter(|(_, own)| !**own).flat_map(|(line, _)| line).copied();
        let rest: Vec<u8> = rest.collect();
        let own: Vec<usize> = (0..kinds.len()).filter(|at| is_own[*at]).collect();
        let Some(first) = own.first() else { return Ok(None) };
        let together = own.windows(2).all(|pair| pair[1] == pair[0] + 1);
        let below_stanza = lines(text).take(*first).any(begins_stanza);
        let own: Vec<BlockLine> = own.iter().map(|at| kinds[*at]).collect();
        let state = match (own.as_slice(), together) {
            (
                [BlockLine::Begin, BlockLine::All, BlockLine::Include, BlockLine::All, BlockLine::End],
                true,
            ) => {
                if below_stanza {
                    BlockState::Displaced
                } else {
                    BlockState::Current
                }
            }
            ([BlockLine::Begin, BlockLine::Include, BlockLine::End], true) => BlockState::Older,
            (
                [BlockLine::Begin, BlockLine::OtherInclude, BlockLine::End]
                | [BlockLine::Begin, BlockLine::All, BlockLine::OtherInclude, BlockLine::All, BlockLine::End],
                true,
            ) => BlockState::Elsewhere,
            _ => BlockState::Damaged,
        };
        Ok(Some(Split { state, rest }))
    }

    fn kind(&self, line: &[u8]) -> BlockLine {
        let bare = line.trim_ascii_end();
        let is = |own: &str| bare == own.as_bytes();
        if is(&self.begin) {
            BlockLine::Begin
        } else if is(&self.end) {
            BlockLine::End
        } else if is(&self.include) {
            BlockLine::Include
        } else if is(ALL) {
            BlockLine::All
        } else if bare.starts_with(b"Include ") {
            BlockLine::OtherInclude
        } else {
            BlockLine::Other
        }
    }
}

/// The line that ends every stanza.
const ALL: &str = "Match all";

/// Returns whether a line begins a stanza for some hosts only.
fn begins_stanza(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let end = line.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'=').unwrap_or(line.len());
    let is = |keyword: &[u8]| line[..end].eq_ignore_ascii_case(keyword);
    line != ALL.as_bytes() && (is(b"host") || is(b"match"))
}

/// Returns for each line whether devplat wrote it. A `Match all` is devplat's inside of a mark, or beside its `Include`.
fn own_lines(kinds: &[BlockLine]) -> Result<Vec<bool>, Unclear> {
    let is = |at: Option<usize>, kind: BlockLine| at.and_then(|at| kinds.get(at)) == Some(&kind);
    let mut own: Vec<bool> = (0..kinds.len())
        .map(|at| {
            let (above, below) = (at.checked_sub(1), Some(at + 1));
            kinds[at] == BlockLine::All && (is(above, BlockLine::Begin) || is(below, BlockLine::End))
        })
        .collect();
    let others: Vec<usize> = (0..kinds.len()).filter(|at| !own[*at]).collect();
    let other_kinds: Vec<BlockLine> = others.iter().map(|at| kinds[*at]).collect();
    for (index, at) in others.iter().enumerate() {
        own[*at] = is_own(&other_kinds, index).map_err(|Unclear { mark, include }| Unclear {
            mark: others[mark - 1] + 1,
            include: others[include - 1] + 1,
        })?;
    }
    let includes: Vec<usize> =
        (0..kinds.len()).filter(|at| own[*at] && kinds[*at] == BlockLine::Include).collect();
    for beside in includes.into_iter().flat_map(|at| [at.checked_sub(1), Some(at + 1)]) {
        if let Some(at) = beside.filter(|at| is(Some(*at), BlockLine::All)) {
            own[at] = true;
        }
    }
    Ok(own)
}

/// Returns whether devplat wrote the line at `at`, which is not its `Match all`: a mark, the `Include` between two marks or
/// beside one, or an `Include` of another file that is alone between two marks.
fn is_own(lines: &[BlockLine], at: usize) -> Result<bool, Unclear> {
    match lines[at] {
        BlockLine::Begin | BlockLine::End => Ok(true),
        BlockLine::All | BlockLine::Other => Ok(false),
        BlockLine::Include => {
            let above = lines[..at].iter().rposition(|line| line.is_mark());
            let below = lines[at + 1..].iter().position(|line| line.is_mark()).map(|after| at + 1 + after);
            let above = above.filter(|above| lines[*above] == BlockLine::Begin);
            let below = below.filter(|below| lines[*below] == BlockLine::End);
            let between = above.is_some() && below.is_some();
            let beside = above.is_some_and(|above| above + 1 == at) || below == Some(at + 1);
            Ok(between || beside)
        }
        BlockLine::OtherInclude => {
            let begins = at > 0 && lines[at - 1] == BlockLine::Begin;
            let ends = lines.get(at + 1) == Some(&BlockLine::End);
            match (begins, ends) {
                (true, true) => Ok(true),
                (false, false) => Ok(false),
                (true, false) => Err(Unclear { mark: at, include: at + 1 }),
                (false, true) => Err(Unclear { mark: at + 2, include: at + 1 }),
            }
        }
    }
}

/// The start of the first line of every block.
const BEGIN: &str = "# >>> devplat ";

/// Returns the names of the platforms with a block in a file, in its order.
pub(super) fn platforms(text: &[u8]) -> Vec<String> {
    lines(text).filter_map(platform_of).collect()
}

fn platform_of(line: &[u8]) -> Option<String> {
    let (name, _) = std::str::from_utf8(line).ok()?.strip_prefix(BEGIN)?.split_once(": ")?;
    Some(name.to_owned())
}

pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// Returns a path as a pattern for `Include`. Only newer versions of OpenSSH expand `%` and `$` in it; `?` matches any
/// one character in all versions.
fn included(path: &Path) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+ ".contains(c);
    let text: String = path.display().to_string().chars().map(|c| if plain(c) { c } else { '?' }).collect();
    if text.contains(' ') { format!("\"{text}\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str =
        "# >>> devplat devplat: written by `devplat ssh-config`, removed by `devplat destroy`\n";
    const ALL: &str = "Match all\n";
    const INCLUDE: &str = "Include /state/ssh/hosts\n";
    const OTHER: &str = "Include /elsewhere/ssh/hosts\n";
    const END: &str = "# <<< devplat devplat\n";
    const MINE: &str = "Host mine\n  HostName mine.example\n";

    fn block(platform: &str) -> Block {
        Block::of(platform, Path::new("/state/ssh/hosts"))
    }

    fn split(parts: &[&str]) -> Result<Option<(BlockState, String)>, (usize, usize)> {
        match block("devplat").split(parts.concat().as_bytes()) {
            Ok(None) => Ok(None),
            Ok(Some(Split { state, rest })) => Ok(Some((state, String::from_utf8(rest).unwrap()))),
            Err(Unclear { mark, include }) => Err((mark, include)),
        }
    }

    #[test]
    fn whole_block_is_split_from_the_rest() {
        assert_eq!(block("devplat").text(), [BEGIN, ALL, INCLUDE, ALL, END].concat());
        let own = "Host *\r\n  ForwardAgent no\n# <<< devplat other\n";
        let current = Ok(Some((BlockState::Current, own.to_owned())));
        assert_eq!(split(&[BEGIN, ALL, INCLUDE, ALL, END, own]), current);
        let on_windows = [BEGIN, ALL, INCLUDE, ALL, END].concat().replace('\n', "\r\n");
        assert_eq!(split(&[on_windows.as_str(), own]), current);
        let older = Ok(Some((BlockState::Older, own.to_owned())));
        assert_eq!(split(&[BEGIN, INCLUDE, END, own]), older);
        let elsewhere = Ok(Some((BlockState::Elsewhere, own.to_owned())));
        assert_eq!(split(&[BEGIN, OTHER, END, own]), elsewhere);
        assert_eq!(split(&[BEGIN, ALL, OTHER, ALL, END, own]), elsewhere);
        assert_eq!(split(&[own]), Ok(None));
        assert_eq!(split(&[block("devplat2").text().as_str(), own, INCLUDE, OTHER]), Ok(None));
    }

    #[test]
    fn block_below_a_stanza_of_the_user_is_displaced() {
        let of = |above: &str| split(&[above, BEGIN, ALL, INCLUDE, ALL, END.trim_end()]).unwrap().unwrap().0;
        for above in [MINE, "host=mine\n", "  MATCH user ada\n", "Host *\n"] {
            assert_eq!(of(above), BlockState::Displaced, "{above}");
        }
        let other = block("other").text();
        for above in ["# Host mine\n\n", "HostKeyAlias a\n", "Include work\n", "Match all\n", other.as_str()]
        {
            assert_eq!(of(above), BlockState::Current, "{above}");
        }
    }

    #[test]
    fn file_in_another_encoding_stays_byte_for_byte() {
        let text = [block("devplat").text().as_bytes(), b"# caf\xe9\nHost a\n"].concat();
        let split = block("devplat").split(&text).unwrap().unwrap();
        assert_eq!(split.rest, b"# caf\xe9\nHost a\n");
    }

    #[test]
    fn halves_and_doubles_are_removed_without_a_line_of_the_user() {
        let cases: [&[&str]; 14] = [
            &[BEGIN, ALL, MINE],
            &[BEGIN, ALL, INCLUDE, ALL, MINE],
            &[ALL, INCLUDE, ALL, END, MINE],
            &[BEGIN, INCLUDE, ALL, END, MINE],
            &[BEGIN, MINE],
            &[BEGIN, INCLUDE, MINE],
            &[INCLUDE, END, MINE],
            &[MINE, END],
            &[BEGIN, INCLUDE, BEGIN, INCLUDE, END, MINE],
            &[BEGIN, INCLUDE, MINE, BEGIN, INCLUDE, END],
            &[BEGIN, INCLUDE, END, MINE, BEGIN, INCLUDE, END],
            &[BEGIN, OTHER, END, MINE, BEGIN, INCLUDE, END],
            &[BEGIN, INCLUDE, MINE, END],
            &[BEGIN, MINE, INCLUDE, END, END],
        ];
        for parts in cases {
            assert_eq!(split(parts), Ok(Some((BlockState::Damaged, MINE.to_owned()))), "{parts:?}");
        }
        let between = split(&[BEGIN, "# one\n", INCLUDE, "# two\n", END]);
        assert_eq!(between, Ok(Some((BlockState::Damaged, "# one\n# two\n".to_owned()))));
        let apart = split(&[INCLUDE, MINE, BEGIN, INCLUDE, END]);
        assert_eq!(apart, Ok(Some((BlockState::Older, [INCLUDE, MINE].concat()))), "it may be the user's");
        let block = [BEGIN, ALL, INCLUDE, ALL, END].concat();
        let own = split(&[&block, ALL, INCLUDE, ALL, "Compression yes\n"]);
        let rest = [ALL, INCLUDE, ALL, "Compression yes\n"].concat();
        assert_eq!(own, Ok(Some((BlockState::Current, rest))), "it may be the user's");
    }

    #[test]
    fn include_of_another_file_beside_half_a_block_is_unclear() {
        assert_eq!(split(&[MINE, BEGIN, OTHER, MINE]), Err((3, 4)));
        assert_eq!(split(&[BEGIN, OTHER, MINE, END]), Err((1, 2)));
        assert_eq!(split(&[OTHER, END, MINE]), Err((2, 1)));
        assert_eq!(split(&[MINE, BEGIN, ALL, OTHER, MINE]), Err((3, 5)));
        let apart = split(&[BEGIN, INCLUDE, OTHER, MINE]);
        assert_eq!(apart, Ok(Some((BlockState::Damaged, [OTHER, MINE].concat()))));
    }

    #[test]
    fn blocks_are_listed_by_platform() {
        let text = format!("{}Host *\n{}", block("b").text(), block("a").text());
        assert_eq!(platforms(text.as_bytes()), ["b", "a"]);
        assert!(platforms(b"# >>> devplat\nHost *\n").is_empty());
    }

    #[test]
    fn path_of_the_included_file_matches_itself_in_every_version_of_openssh() {
        for (path, pattern) in [
            ("/home/ada/.local/state/hosts", "/home/ada/.local/state/hosts"),
            ("/home/%h/[a] \"b\"/hosts", "\"/home/?h/?a? ?b?/hosts\""),
            ("/home/${HOME}/a*b/hosts", "/home/??HOME?/a?b/hosts"),
        ] {
            assert_eq!(included(Path::new(path)), pattern);
        }
    }
}
