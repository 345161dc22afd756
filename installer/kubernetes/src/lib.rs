//! What devplat says to an API server: releases, contexts and the proof. It never prints, never starts a
//! process and never reads the environment.
