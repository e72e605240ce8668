//! A whole server on a port of its own, with queue, store and limits in memory.
