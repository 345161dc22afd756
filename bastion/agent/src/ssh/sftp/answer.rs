//! The way from a request to its answer.

use super::{
    extensions,
    files::Files,
    packet::{Fields, Malformed, Packet, request},
};

impl Files {
    /// Carries out one request and puts the answer behind `out`. Malformed is only what cannot be answered.
    pub(super) fn answer(&mut self, packet: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut fields = Fields(packet);
        let kind = fields.u8()?;
        let id = fields.u32()?;
        if kind == request::INIT {
            Packet::version(out, &extensions::OFFERED);
            return Ok(());
        }
        let begin = out.len();
        let outcome = if kind == request::EXTENDED {
            extensions::carry_out(self, id, &mut fields, out)
        } else {
            self.carry_out(kind, id, fields, out)
        };
        match outcome {
            // The answer is there.
            Ok(()) if out.len() > begin => {}
            outcome => Packet::status(out, id, &outcome),
        }
        Ok(())
    }
}
