//! Counters for whoever runs the bastion. Numbers only; no decision is made here, and no user is named.

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Labels of a login.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// Labels of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

/// Labels of bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DirectionLabels {
    direction: &'static str,
}

/// Everything that gets counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    connections: Family<OutcomeLabels, Counter>,
    channels: Family<KindLabels, Counter>,
    bytes: Family<DirectionLabels, Counter>,
    /// Connections that are logged in.
    pub sessions: Gauge,
    /// Channels that are open.
    pub open_channels: Gauge,
    /// Connections on their way in.
    pub startups: Gauge,
    /// Connections to dev servers.
    pub agents: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("devplat_bastion");
        let (connections, channels, bytes) = (Family::default(), Family::default(), Family::default());
        let [sessions, open_channels, startups, agents]: [Gauge; 4] = Default::default();
        registry.register("connections", "Connections by what became of them", connections.clone());
        registry.register("channels", "Channels opened, by kind", channels.clone());
        registry.register("relayed_bytes", "Bytes relayed, by direction", bytes.clone());
        registry.register("sessions", "Connections that are logged in", sessions.clone());
        registry.register("open_channels", "Channels that are open", open_channels.clone());
        registry.register("startups", "Connections that have not logged in yet", startups.clone());
        registry.register("agent_connections", "Connections to dev servers", agents.clone());
        Self { registry, connections, channels, bytes, sessions, open_channels, startups, agents }
    }
}

impl Metrics {
    /// Counts a connection.
    pub fn connection(&self, outcome: &'static str) {
        self.connections.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// Counts a channel.
    pub fn channel(&self, kind: &'static str) {
        self.channels.get_or_create(&KindLabels { kind }).inc();
    }

    /// Counts what was relayed.
    pub fn relayed(&self, up: u64, down: u64) {
        self.bytes.get_or_create(&DirectionLabels { direction: "up" }).inc_by(up);
        self.bytes.get_or_create(&DirectionLabels { direction: "down" }).inc_by(down);
    }

    /// All of it in the text format of Prometheus.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Counts one up while it is there.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Counted {
    /// In `gauge`.
    pub fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
