//! Reading and normalising single members, shared by validation and sanitising.
