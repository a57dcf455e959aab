//! Which actor speaks: its messages carry its name.

use std::cell::Cell;

thread_local! {
    static SPEAKER: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// What is logged in `act` is said by this actor.
pub fn as_actor<T>(name: &'static str, act: impl FnOnce() -> T) -> T {
    let _before = Before(SPEAKER.replace(Some(name)));
    act()
}

/// The actor that speaks on this thread.
pub fn speaker() -> Option<&'static str> {
    SPEAKER.get()
}

/// Who spoke before; speaks again when this is dropped, after a panic too.
struct Before(Option<&'static str>);

impl Drop for Before {
    fn drop(&mut self) {
        SPEAKER.set(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_speaks_until_it_is_done_or_panics() {
        as_actor("outer", || {
            let panicked = std::panic::catch_unwind(|| as_actor("inner", || assert_ne!(speaker(), Some("inner"))));
            assert!(panicked.is_err());
            assert_eq!(speaker(), Some("outer"));
        });
        assert_eq!(speaker(), None);
    }
}
