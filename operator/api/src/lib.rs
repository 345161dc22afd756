//! CRD types of the platform.
