//! Room `simulator`: what we cannot have: a GRIN look-alike.
