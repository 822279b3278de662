//! Tests of the native document.
