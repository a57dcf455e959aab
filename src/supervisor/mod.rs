//! Room `supervisor`: a book's plan, fan-out, failure policy, drain.
