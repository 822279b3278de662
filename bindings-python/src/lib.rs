//! Jackstaff.
