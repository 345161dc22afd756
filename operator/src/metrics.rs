//! Counters for whoever runs the operator. Numbers only; no decision is made here.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// Labels of a write.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct WriteLabels {
    /// Kind of the object.
    pub(crate) kind: String,
    /// `create`, `apply`, `status`, `patch`, `delete` or `lease`.
    pub(crate) verb: &'static str,
}

/// Labels of a reconcile.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct KindLabels {
    /// Kind that was looked at.
    pub(crate) kind: &'static str,
}

/// Everything that gets counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Reconciles ended.
    pub(crate) reconciles: Family<KindLabels, Counter>,
    /// Reconciles that failed.
    pub(crate) errors: Family<KindLabels, Counter>,
    /// Writes to the API server that it accepted.
    pub(crate) writes: Family<WriteLabels, Counter>,
    /// How long reconciles took.
    pub(crate) seconds: Histogram,
    /// Things waiting for a worker.
    pub(crate) queue: Gauge,
    /// 1 while this replica leads.
    pub(crate) leader: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("devplat_operator");
        let reconciles = Family::default();
        let errors = Family::default();
        let writes = Family::default();
        let seconds = Histogram::new(exponential_buckets(0.001, 4.0, 8));
        let queue = Gauge::default();
        let leader = Gauge::default();
        registry.register("reconciles", "Reconciles ended, by kind", reconciles.clone());
        registry.register("reconcile_errors", "Reconciles that failed, by kind", errors.clone());
        registry.register("writes", "Writes the API server accepted, by kind and verb", writes.clone());
        registry.register("reconcile_seconds", "Duration of reconciles", seconds.clone());
        registry.register("queue_depth", "Things waiting for a worker", queue.clone());
        registry.register("leader", "1 while this replica leads", leader.clone());
        Self { registry, reconciles, errors, writes, seconds, queue, leader }
    }
}

impl Metrics {
    /// Counts a write that was accepted.
    pub(crate) fn count_write(&self, kind: &str, verb: &'static str) {
        self.writes.get_or_create(&WriteLabels { kind: kind.to_owned(), verb }).inc();
    }

    /// Counts a reconcile.
    pub(crate) fn count_reconcile(&self, kind: &'static str, took: Duration, failed: bool) {
        self.reconciles.get_or_create(&KindLabels { kind }).inc();
        if failed {
            self.errors.get_or_create(&KindLabels { kind }).inc();
        }
        self.seconds.observe(took.as_secs_f64());
    }

    /// All of it in the text format of Prometheus.
    pub(crate) fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
