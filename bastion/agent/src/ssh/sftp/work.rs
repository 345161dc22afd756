//! Requests that wait and answers that were made, for whoever carries them out: the task of the channel itself or a
//! thread. To hand a request to a thread and its answer back costs more than most requests do, but a task that waits
//! for a disk holds up others. So a small request that stands alone, as with small files, is carried out by the task,
//! and a stream of them, which may fill the memory that the kernel gives to files, by a thread.

use super::{
    files::Files,
    packet::{Malformed, PACKET_MAX, request},
};

/// Bytes of answers that are sent at once.
const ENOUGH: usize = 64 << 10;
/// The largest request that counts as small.
const SMALL: usize = 34 << 10;
/// What is kept of an empty buffer.
const KEPT: usize = 4 << 10;

/// The file system as one session has it, with requests and answers.
pub(super) struct Work {
    files: Files,
    /// What came, of which the first `done` bytes are dealt with.
    input: Vec<u8>,
    done: usize,
    /// Answers that are to be sent.
    pub(super) output: Vec<u8>,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// One request that takes no time.
    Small,
    /// Several, or one that takes time.
    Large,
}

impl Work {
    /// With `files`, and nothing to do.
    pub(super) fn new(files: Files) -> Self {
        Self { files, input: Vec::new(), done: 0, output: Vec::new() }
    }

    /// More of what the client sends.
    pub(super) fn add(&mut self, data: &[u8]) {
        self.input.drain(..self.done);
        self.done = 0;
        self.input.extend_from_slice(data);
    }

    /// What is to be done next; nothing if no whole packet is there.
    pub(super) fn next(&self) -> Result<Option<Next>, Malformed> {
        let Some(packet) = self.packet()? else { return Ok(None) };
        let alone = packet.end == self.input.len();
        // An extended request may have to wait for the disk: `fsync`.
        let quick = packet.len() <= SMALL && self.input[packet.start] != request::EXTENDED;
        Ok(Some(if alone && quick { Next::Small } else { Next::Large }))
    }

    /// Carries out what is there, up to answers that are enough for once.
    pub(super) fn carry_out(&mut self) -> Result<(), Malformed> {
        while let Some(packet) = self.packet()? {
            self.files.answer(&self.input[packet.clone()], &mut self.output)?;
            self.done = packet.end;
            if self.is_enough() {
                break;
            }
        }
        if self.done == self.input.len() {
            self.done = 0;
            self.input.clear();
            if self.input.capacity() > KEPT {
                self.input = Vec::new();
            }
        }
        Ok(())
    }

    /// Whether the answers are to be sent now.
    pub(super) fn is_enough(&self) -> bool {
        self.output.len() >= ENOUGH
    }

    /// Where the next whole packet is; an error if it is larger than any may be.
    fn packet(&self) -> Result<Option<std::ops::Range<usize>>, Malformed> {
        let rest = &self.input[self.done..];
        let Some(length) = rest.first_chunk() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if length > PACKET_MAX || length == 0 {
            return Err(Malformed);
        }
        // Between 4 bytes of length and the next packet.
        let begin = self.done + 4;
        Ok((rest.len() >= 4 + length).then_some(begin..begin + length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(input: &[u8]) -> Work {
        let mut work = Work::new(Files::new("/".into()));
        work.add(input);
        work
    }

    const STAT_OF_ROOT: &[u8] = &[0, 0, 0, 10, request::STAT, 0, 0, 0, 7, 0, 0, 0, 1, b'/'];

    #[test]
    fn a_request_that_stands_alone_is_small_and_a_stream_or_an_extension_is_not() {
        assert_eq!(work(STAT_OF_ROOT).next(), Ok(Some(Next::Small)));
        assert_eq!(work(&STAT_OF_ROOT.repeat(2)).next(), Ok(Some(Next::Large)));
        assert_eq!(work(&[0, 0, 0, 5, request::EXTENDED, 0, 0, 0, 1]).next(), Ok(Some(Next::Large)));
        assert_eq!(work(&[&[0, 0, 160, 0][..], &vec![0; 40960]].concat()).next(), Ok(Some(Next::Large)));
    }

    #[test]
    fn what_is_not_whole_waits_for_the_rest_and_what_is_no_packet_is_an_end() {
        let mut work = work(&STAT_OF_ROOT[..9]);
        assert_eq!(work.next(), Ok(None));
        work.add(&STAT_OF_ROOT[9..]);
        assert_eq!(work.next(), Ok(Some(Next::Small)));
        work.carry_out().unwrap();
        assert_eq!(work.next(), Ok(None));
        assert!(!work.output.is_empty());
        work.add(&[0, 0, 0, 0]);
        assert_eq!(work.next(), Err(Malformed));
    }
}
