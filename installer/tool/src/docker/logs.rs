//! The output of containers.

use std::collections::VecDeque;

use bollard::query_parameters::LogsOptions;
use futures::StreamExt;

use super::{Engine, EngineError};

/// The number of bytes that are kept of an output.
const LIMIT: usize = 256 << 10;

impl Engine {
    /// Returns the last `lines` lines of the output of a container, running or not, and of them at most the last 256 KiB.
    pub async fn logs(&self, container: &str, lines: u16) -> Result<String, EngineError> {
        let options =
            LogsOptions { stdout: true, stderr: true, tail: lines.to_string(), ..LogsOptions::default() };
        let parts = self.docker.logs(container, Some(options));
        tokio::pin!(parts);
        let mut kept = VecDeque::<u8>::new();
        while let Some(part) = parts.next().await {
            let part = part.map_err(self.error(format!("read the log of container {container}")))?;
            kept.extend(part.into_bytes());
            let over = kept.len().saturating_sub(LIMIT);
            kept.drain(..over);
        }
        let kept: Vec<u8> = kept.into();
        Ok(String::from_utf8_lossy(&kept).into_owned())
    }
}
