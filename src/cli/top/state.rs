//! What keys have chosen, and what each key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::actor::ActorName;
use crate::cli::top::table::{SortColumn, TopRow};
use crate::observe::ControlRequest;

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TopView {
    /// Everything at a glance.
    #[default]
    Overview,
    /// One actor in full.
    Actor(ActorName),
}

/// What a person has chosen.
#[derive(Debug, Clone, Default)]
pub struct TopState {
    /// What is shown.
    pub view: TopView,
    /// By what the mailboxes are sorted.
    pub sort: SortColumn,
    /// The other way round.
    pub is_reversed: bool,
    /// The marked actor; it stays marked wherever its row goes.
    pub marked: Option<ActorName>,
    /// Lines of the actor's page that are above the screen.
    pub scrolled: u16,
    /// What was asked for, and is not confirmed yet.
    pub unconfirmed: Option<ControlRequest>,
    /// What came of the last order.
    pub said: Option<String>,
}

/// What a key makes the program do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopAction {
    /// Nothing but to draw.
    Draw,
    /// End.
    Quit,
    /// Look at this actor's last messages as well, or at none.
    Watch(Option<ActorName>),
    /// Ask this of the daemon.
    Order(ControlRequest),
}

/// How much one key scrolls.
const PAGE: u16 = 10;

impl TopState {
    /// What a key does; `rows`: the mailboxes as they are shown; `is_paused`: whether an operator's pause lasts.
    pub fn press(&mut self, key: KeyEvent, rows: &[TopRow], is_paused: bool) -> TopAction {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if key.code == KeyCode::Char('c') && is_control {
            return TopAction::Quit;
        }
        self.said = None;
        if let Some(request) = self.unconfirmed.take() {
            return match key.code {
                KeyCode::Char('y') => TopAction::Order(request),
                _ => TopAction::Draw,
            };
        }
        match (key.code, self.view) {
            (KeyCode::Char('q'), _) => return TopAction::Quit,
            (KeyCode::Char('p'), _) => self.unconfirmed = Some(pause_or_resume(is_paused)),
            (_, TopView::Overview) => return self.press_in_overview(key.code, rows),
            (_, TopView::Actor(_)) => return self.press_in_actor(key.code),
        }
        TopAction::Draw
    }

    fn press_in_overview(&mut self, key: KeyCode, rows: &[TopRow]) -> TopAction {
        match key {
            KeyCode::Up | KeyCode::Char('k') => self.mark(rows, |place| place.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.mark(rows, |place| place + 1),
            KeyCode::Home => self.mark(rows, |_| 0),
            KeyCode::End => self.mark(rows, |_| usize::MAX),
            KeyCode::Char('s') => self.sort = self.sort.next(),
            KeyCode::Char('r') => self.is_reversed = !self.is_reversed,
            KeyCode::Enter => {
                let marked = self.marked.or_else(|| rows.first().map(|row| row.actor));
                if let Some(actor) = marked {
                    (self.marked, self.view, self.scrolled) = (marked, TopView::Actor(actor), 0);
                    return TopAction::Watch(marked);
                }
            }
            _ => {}
        }
        TopAction::Draw
    }

    fn press_in_actor(&mut self, key: KeyCode) -> TopAction {
        match key {
            KeyCode::Esc | KeyCode::Backspace | KeyCode::Left => {
                self.view = TopView::Overview;
                return TopAction::Watch(None);
            }
            KeyCode::Up | KeyCode::Char('k') => self.scrolled = self.scrolled.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.scrolled = self.scrolled.saturating_add(1),
            KeyCode::PageUp => self.scrolled = self.scrolled.saturating_sub(PAGE),
            KeyCode::PageDown => self.scrolled = self.scrolled.saturating_add(PAGE),
            KeyCode::Home => self.scrolled = 0,
            _ => {}
        }
        TopAction::Draw
    }

    fn mark(&mut self, rows: &[TopRow], to: impl FnOnce(usize) -> usize) {
        let Some(last) = rows.len().checked_sub(1) else { return };
        let now = rows.iter().position(|row| Some(row.actor) == self.marked);
        // The first key marks the first row.
        let place = now.map_or(0, |now| to(now).min(last));
        self.marked = Some(rows[place].actor);
    }
}

fn pause_or_resume(is_paused: bool) -> ControlRequest {
    match is_paused {
        true => ControlRequest::Resume,
        false => ControlRequest::Pause { until: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<TopRow> {
        let actors = [ActorName::Checker, ActorName::Downloader, ActorName::Catalog];
        actors.map(TopRow::idle).to_vec()
    }

    /// The actions of these keys, one after another.
    fn pressed(state: &mut TopState, is_paused: bool, keys: &[KeyCode]) -> Vec<TopAction> {
        let press = |key: &KeyCode| state.press(KeyEvent::from(*key), &rows(), is_paused);
        keys.iter().map(press).collect()
    }

    #[test]
    fn the_mark_moves_within_the_rows_and_opens_an_actor() {
        use KeyCode::{Char, Down, End, Enter, Esc, Home, Up};
        for (keys, marked) in [
            (vec![Down], ActorName::Checker),
            (vec![Down, Down], ActorName::Downloader),
            (vec![Down, Up, Up], ActorName::Checker),
            (vec![Char('j'), Char('j'), Char('j'), Char('j')], ActorName::Catalog),
            (vec![Down, End], ActorName::Catalog),
            (vec![Down, End, Home], ActorName::Checker),
            (vec![Enter], ActorName::Checker),
        ] {
            let mut state = TopState::default();
            pressed(&mut state, false, &keys);
            assert_eq!(state.marked, Some(marked), "{keys:?}");
        }
        let mut state = TopState::default();
        let actions = pressed(&mut state, false, &[Down, Down, Enter]);
        assert_eq!(actions[2], TopAction::Watch(Some(ActorName::Downloader)));
        assert_eq!(state.view, TopView::Actor(ActorName::Downloader));
        assert_eq!(pressed(&mut state, false, &[Esc]), [TopAction::Watch(None)]);
        assert_eq!(state.view, TopView::Overview);
    }

    #[test]
    fn a_pause_and_its_end_are_asked_for_only_when_confirmed() {
        use KeyCode::{Char, Esc};
        let order = TopAction::Order;
        let pause = ControlRequest::Pause { until: None };
        for (is_paused, keys, expected) in [
            (false, [Char('p'), Char('y')], order(pause)),
            (true, [Char('p'), Char('y')], order(ControlRequest::Resume)),
            (false, [Char('p'), Char('n')], TopAction::Draw),
            (false, [Char('p'), Esc], TopAction::Draw),
            // Whoever wants to leave does not confirm by it.
            (false, [Char('p'), Char('q')], TopAction::Draw),
            (false, [Char('y'), Char('y')], TopAction::Draw),
        ] {
            let mut state = TopState::default();
            let actions = pressed(&mut state, is_paused, &keys);
            assert_eq!(actions, [TopAction::Draw, expected], "{keys:?}");
            assert_eq!(state.unconfirmed, None);
        }
    }

    #[test]
    fn keys_end_sort_and_scroll() {
        use KeyCode::{Char, Enter, PageDown, Up};
        let mut state = TopState::default();
        assert_eq!(pressed(&mut state, false, &[Char('q')]), [TopAction::Quit]);
        let control_c = KeyEvent::new(Char('c'), KeyModifiers::CONTROL);
        state.unconfirmed = Some(ControlRequest::Resume);
        assert_eq!(state.press(control_c, &[], false), TopAction::Quit);
        let mut state = TopState::default();
        let before = state.sort;
        pressed(&mut state, false, &[Char('s'), Char('r')]);
        assert!(state.sort != before && state.is_reversed);
        pressed(&mut state, false, &[Enter, PageDown, Up]);
        assert_eq!(state.scrolled, PAGE - 1);
        assert_eq!(
            TopState::default().press(KeyEvent::from(Enter), &[], false),
            TopAction::Draw
        );
    }
}
