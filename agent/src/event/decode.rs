//! Bytes of a ring record -> [`super::Event`].
