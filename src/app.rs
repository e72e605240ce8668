//! Wiring: the only place where concrete types meet, and the order in which a process starts and
//! stops.
