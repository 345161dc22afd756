//! Pseudo-terminals: opened, set as a client wants them, resized.

use std::{
    ffi::OsStr,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::PathBuf,
};

use russh::Pty;
use rustix::{
    fd::AsFd,
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, ptsname, unlockpt},
    termios::{
        ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, SpecialCodeIndex, Termios,
        Winsize, tcgetattr, tcsetattr, tcsetwinsize,
    },
};

/// Both sides of a terminal.
pub(crate) struct Terminal {
    /// Ours.
    pub(crate) master: OwnedFd,
    /// The program's.
    pub(crate) slave: OwnedFd,
    /// The program's by name.
    pub(crate) path: PathBuf,
}

/// In characters, then in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) columns: u32,
    pub(crate) rows: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Terminal {
    /// A new terminal, `size` large, set as `modes` say.
    pub(crate) fn open(size: Size, modes: &[(Pty, u32)]) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ioctl_tiocgptpeer(&master, flags)?;
        let path = PathBuf::from(OsStr::from_bytes(ptsname(&master, Vec::new())?.as_bytes()));
        let mut settings = tcgetattr(&slave)?;
        apply(&mut settings, modes);
        tcsetattr(&slave, OptionalActions::Now, &settings)?;
        resize(&master, size)?;
        Ok(Self { master, slave, path })
    }
}

/// Tells the terminal, and by SIGWINCH its program, how large it is now.
pub(crate) fn resize(master: impl AsFd, size: Size) -> io::Result<()> {
    let small = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
    let Size { columns, rows, width, height } = size;
    let size = Winsize {
        ws_col: small(columns),
        ws_row: small(rows),
        ws_xpixel: small(width),
        ws_ypixel: small(height),
    };
    Ok(tcsetwinsize(master, size)?)
}

/// Sets what `modes` name; what they leave out stays.
fn apply(settings: &mut Termios, modes: &[(Pty, u32)]) {
    for (mode, value) in modes {
        if let Some(index) = character(*mode) {
            // 255 is how a client says that there is no such character.
            settings.special_codes[index] = u8::try_from(*value).ok().filter(|c| *c != 255).unwrap_or(0);
        } else if let Some(flag) = flag(*mode) {
            flag.set(settings, *value != 0);
        } else if *mode == Pty::TTY_OP_ISPEED {
            // A speed of nothing real; one that the kernel does not know stays as it was.
            let _ = settings.set_input_speed(*value);
        } else if *mode == Pty::TTY_OP_OSPEED {
            let _ = settings.set_output_speed(*value);
        }
    }
}

fn character(mode: Pty) -> Option<SpecialCodeIndex> {
    Some(match mode {
        Pty::VINTR => SpecialCodeIndex::VINTR,
        Pty::VQUIT => SpecialCodeIndex::VQUIT,
        Pty::VERASE => SpecialCodeIndex::VERASE,
        Pty::VKILL => SpecialCodeIndex::VKILL,
        Pty::VEOF => SpecialCodeIndex::VEOF,
        Pty::VEOL => SpecialCodeIndex::VEOL,
        Pty::VEOL2 => SpecialCodeIndex::VEOL2,
        Pty::VSTART => SpecialCodeIndex::VSTART,
        Pty::VSTOP => SpecialCodeIndex::VSTOP,
        Pty::VSUSP => SpecialCodeIndex::VSUSP,
        Pty::VREPRINT => SpecialCodeIndex::VREPRINT,
        Pty::VWERASE => SpecialCodeIndex::VWERASE,
        Pty::VLNEXT => SpecialCodeIndex::VLNEXT,
        Pty::VDISCARD => SpecialCodeIndex::VDISCARD,
        _ => return None,
    })
}

enum Flag {
    Input(InputModes),
    Output(OutputModes),
    Control(ControlModes),
    Local(LocalModes),
}

impl Flag {
    fn set(self, settings: &mut Termios, on: bool) {
        match self {
            Self::Input(flag) => settings.input_modes.set(flag, on),
            Self::Output(flag) => settings.output_modes.set(flag, on),
            Self::Local(flag) => settings.local_modes.set(flag, on),
            // CS7 and CS8 are values of one field: "not CS8" says nothing.
            Self::Control(ControlModes::CS7 | ControlModes::CS8) if !on => {}
            Self::Control(flag @ (ControlModes::CS7 | ControlModes::CS8)) => {
                settings.control_modes.remove(ControlModes::CSIZE);
                settings.control_modes.insert(flag);
            }
            Self::Control(flag) => settings.control_modes.set(flag, on),
        }
    }
}

fn flag(mode: Pty) -> Option<Flag> {
    Some(match mode {
        Pty::IGNPAR => Flag::Input(InputModes::IGNPAR),
        Pty::PARMRK => Flag::Input(InputModes::PARMRK),
        Pty::INPCK => Flag::Input(InputModes::INPCK),
        Pty::ISTRIP => Flag::Input(InputModes::ISTRIP),
        Pty::INLCR => Flag::Input(InputModes::INLCR),
        Pty::IGNCR => Flag::Input(InputModes::IGNCR),
        Pty::ICRNL => Flag::Input(InputModes::ICRNL),
        Pty::IXON => Flag::Input(InputModes::IXON),
        Pty::IXANY => Flag::Input(InputModes::IXANY),
        Pty::IXOFF => Flag::Input(InputModes::IXOFF),
        Pty::IMAXBEL => Flag::Input(InputModes::IMAXBEL),
        Pty::IUTF8 => Flag::Input(InputModes::IUTF8),
        Pty::OPOST => Flag::Output(OutputModes::OPOST),
        Pty::ONLCR => Flag::Output(OutputModes::ONLCR),
        Pty::OCRNL => Flag::Output(OutputModes::OCRNL),
        Pty::ONOCR => Flag::Output(OutputModes::ONOCR),
        Pty::ONLRET => Flag::Output(OutputModes::ONLRET),
        Pty::CS7 => Flag::Control(ControlModes::CS7),
        Pty::CS8 => Flag::Control(ControlModes::CS8),
        Pty::PARENB => Flag::Control(ControlModes::PARENB),
        Pty::PARODD => Flag::Control(ControlModes::PARODD),
        Pty::ISIG => Flag::Local(LocalModes::ISIG),
        Pty::ICANON => Flag::Local(LocalModes::ICANON),
        Pty::ECHO => Flag::Local(LocalModes::ECHO),
        Pty::ECHOE => Flag::Local(LocalModes::ECHOE),
        Pty::ECHOK => Flag::Local(LocalModes::ECHOK),
        Pty::ECHONL => Flag::Local(LocalModes::ECHONL),
        Pty::NOFLSH => Flag::Local(LocalModes::NOFLSH),
        Pty::TOSTOP => Flag::Local(LocalModes::TOSTOP),
        Pty::IEXTEN => Flag::Local(LocalModes::IEXTEN),
        Pty::ECHOCTL => Flag::Local(LocalModes::ECHOCTL),
        Pty::ECHOKE => Flag::Local(LocalModes::ECHOKE),
        Pty::PENDIN => Flag::Local(LocalModes::PENDIN),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use rustix::termios::tcgetwinsize;

    use super::*;

    const SIZE: Size = Size { columns: 132, rows: 43, width: 0, height: 0 };

    #[test]
    fn a_terminal_is_as_large_and_as_set_as_was_asked_for() {
        let modes = [(Pty::ECHO, 0), (Pty::VINTR, 24), (Pty::VEOL, 255)];
        let terminal = Terminal::open(SIZE, &modes).unwrap();
        let size = tcgetwinsize(&terminal.slave).unwrap();
        assert_eq!((size.ws_col, size.ws_row), (132, 43));
        let settings = tcgetattr(&terminal.slave).unwrap();
        assert!(!settings.local_modes.contains(LocalModes::ECHO));
        assert!(settings.local_modes.contains(LocalModes::ICANON), "what is not named stays");
        assert_eq!(settings.special_codes[SpecialCodeIndex::VINTR], 24);
        assert_eq!(settings.special_codes[SpecialCodeIndex::VEOL], 0);
    }

    #[test]
    fn seven_bits_are_not_eight() {
        // A pseudo-terminal has eight whatever is said.
        let mut settings = tcgetattr(Terminal::open(SIZE, &[]).unwrap().slave).unwrap();
        apply(&mut settings, &[(Pty::CS7, 1), (Pty::CS8, 0)]);
        assert_eq!(settings.control_modes & ControlModes::CSIZE, ControlModes::CS7);
    }

    #[test]
    fn a_size_that_no_terminal_has_is_cut() {
        let terminal = Terminal::open(Size { columns: u32::MAX, ..SIZE }, &[]).unwrap();
        assert_eq!(tcgetwinsize(&terminal.slave).unwrap().ws_col, u16::MAX);
    }
}
