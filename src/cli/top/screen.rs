//! The terminal: keys and news come in, and each is followed by a drawing. It is put back as it was in the end, after an error, a panic
//! and a signal.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::cli::error::CliError;
use crate::cli::exit::ExitStatus;
use crate::cli::top::data::TopData;
use crate::cli::top::draw::{draw, most_scrolled};
use crate::cli::top::state::{TopAction, TopState};
use crate::cli::top::table::rows;
use crate::cli::top::watch::{TopNews, TopWatch, TopWish};
use crate::observe::{DaemonEndpoint, DaemonStatus};

/// News are looked for so often while no key is pressed.
const LOOK_FOR_NEWS: Duration = Duration::from_millis(100);

/// Shows the daemon until a key or a signal ends it.
pub fn run(endpoints: Vec<DaemonEndpoint>, every: Duration, first: DaemonStatus) -> Result<(), CliError> {
    let failed = |error: io::Error| {
        CliError::new(ExitStatus::Internal, "cannot draw on this terminal")
            .because(&error)
            .advise("`grind status` and `grind actors` tell the same without drawing.")
    };
    let is_ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // A second one ends it at once, whatever it is at.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&is_ended)).map_err(failed)?;
        signal_hook::flag::register(signal, Arc::clone(&is_ended)).map_err(failed)?;
    }
    let (wish, wishes) = channel();
    let (tell, news) = channel();
    TopWatch { endpoints, every }.begin(wishes, tell).map_err(failed)?;
    let screen = TopScreen {
        data: TopData::of(first),
        state: TopState::default(),
        wish,
        news,
        is_ended,
    };
    // Before it draws, it has a panic put the terminal back.
    let terminal = ratatui::try_init().map_err(failed)?;
    let shown = screen.show(terminal);
    ratatui::try_restore().and(shown).map_err(failed)
}

/// Waits for a key, for so long at most; says whether the terminal is gone. crossterm would read one that is without end, and hear no signal.
fn is_gone(at_most: Duration) -> io::Result<bool> {
    let stdin = io::stdin();
    let mut keys = [PollFd::new(&stdin, PollFlags::IN)];
    let at_most = Timespec::try_from(at_most).map_err(io::Error::other)?;
    match poll(&mut keys, Some(&at_most)) {
        // A signal: another size of the terminal, or the end.
        Ok(_) | Err(Errno::INTR) => Ok(keys[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)),
        Err(error) => Err(error.into()),
    }
}

struct TopScreen {
    data: TopData,
    state: TopState,
    wish: Sender<TopWish>,
    news: Receiver<TopNews>,
    is_ended: Arc<AtomicBool>,
}

impl TopScreen {
    fn show(mut self, mut terminal: DefaultTerminal) -> io::Result<()> {
        loop {
            let height = terminal.draw(|frame| draw(frame, &self.data, &self.state))?.area.height;
            // Keys count from what is shown, and not from beyond the end.
            self.state.scrolled = self.state.scrolled.min(most_scrolled(height, &self.data, &self.state));
            let mut is_same = true;
            while is_same {
                if self.is_ended.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if is_gone(LOOK_FOR_NEWS)? {
                    return Ok(());
                }
                if event::poll(Duration::ZERO)? {
                    match event::read()? {
                        Event::Key(key) if key.kind == KeyEventKind::Press => match self.press(key) {
                            TopAction::Quit => return Ok(()),
                            action => self.do_it(action),
                        },
                        _ => {}
                    }
                    is_same = false;
                }
                is_same &= !self.take_news();
            }
        }
    }

    fn press(&mut self, key: event::KeyEvent) -> TopAction {
        let rows = rows(&self.data.status, self.state.sort, self.state.is_reversed);
        self.state.press(key, &rows, self.data.is_paused())
    }

    fn do_it(&mut self, action: TopAction) {
        let wish = match action {
            TopAction::Draw | TopAction::Quit => return,
            TopAction::Watch(actor) => TopWish::Watch(actor),
            TopAction::Order(request) => {
                self.state.said = Some("asking the daemon …".into());
                TopWish::Order(request)
            }
        };
        // It ends only with this screen.
        drop(self.wish.send(wish));
    }

    /// Says whether there were any.
    fn take_news(&mut self) -> bool {
        let mut is_any = false;
        while let Ok(news) = self.news.try_recv() {
            is_any = true;
            match news {
                TopNews::Look(look) => self.data.take(*look),
                TopNews::Said(words) => self.state.said = Some(words),
            }
        }
        is_any
    }
}
