//! Tests of the evaluator, node by node.
