//! The rounds in which a member renews its leases, takes what is its due and releases what is not.

use std::rc::Rc;
use std::time::Duration;

use crate::dapr::cooperation::portion::{LeasePortion, fair};
use crate::dapr::cooperation::{CooperationConfig, Held, SEATS, SHARES, WorkShare};
use crate::dapr::leases::{GrantedLease, LeaseError, LeaseHolder, LeaseKeeper};
use crate::grin::BLOCKS;

/// Between withdrawing a share of the rate and releasing it: time for the session to apply the lower rate.
const SOON: Duration = Duration::from_millis(200);

/// Keeps one member's leases; whoever owns it calls [`LeaseRounds::round`] whenever [`LeaseRounds::wait`] is over, and
/// [`LeaseRounds::leave`] at the end.
pub struct LeaseRounds {
    leases: Rc<dyn LeaseKeeper>,
    config: CooperationConfig,
    cooperation: WorkShare,
    seat: LeasePortion,
    lists: LeasePortion,
    /// Who else has the lists, and whether it is known to live.
    leader: Option<(LeaseHolder, bool)>,
    shares: LeasePortion,
    blocks: LeasePortion,
    /// Blocks withdrawn from work already, not released yet.
    leaving: Vec<GrantedLease>,
    /// Shares of the rate that are not counted any more; released in the next round, when the rate has been lowered.
    parting: Vec<GrantedLease>,
}

/// How many share the work, and which of them this one is.
#[derive(Debug, Clone, Copy)]
struct Place {
    rank: usize,
    members: usize,
}

impl Place {
    fn of(self, total: usize) -> (usize, usize) {
        (
            fair(total, self.rank, self.members),
            self.rank * total / self.members.max(1),
        )
    }
}

impl LeaseRounds {
    /// A member that holds nothing yet, and the handle by which others see what it may do.
    pub fn new(leases: Rc<dyn LeaseKeeper>, config: CooperationConfig) -> (Self, WorkShare) {
        let cooperation = WorkShare::of(Some(config.clone()));
        let rounds = Self {
            leases,
            config,
            cooperation: cooperation.clone(),
            seat: LeasePortion::new("member", SEATS),
            lists: LeasePortion::new("lists", 1),
            leader: None,
            shares: LeasePortion::new("rate", SHARES),
            blocks: LeasePortion::new("block", BLOCKS),
            leaving: Vec::new(),
            parting: Vec::new(),
        };
        (rounds, cooperation)
    }

    /// One round. Trouble with the keeper of the leases is shown, and what is held stays held to its end.
    pub async fn round(&mut self) {
        let result = self.work().await;
        if let Err(error) = &result {
            tracing::warn!(%error, "leases could not all be renewed; those held stay valid until they expire");
        }
        let mut held = self.cooperation.held();
        held.trouble = result.err().map(|error| error.to_string());
        held.settled &= held.trouble.is_none();
        drop(held);
        self.cooperation.shared.changed.send_replace(());
    }

    /// How long to wait before the next round: shorter while something is missing, and never past the end of a lease, so
    /// that what runs out is noticed.
    pub fn wait(&self) -> Duration {
        let held = self.cooperation.held();
        let every = match (self.parting.is_empty(), held.settled) {
            (false, _) if held.trouble.is_none() => SOON,
            (false, _) => self.config.every() / 5,
            (true, true) => self.config.every(),
            (true, false) => self.config.every() / 5,
        };
        let terms = self.leases.terms();
        let ends = self.all().map(|lease| terms.good_for(lease)).min();
        every.min(ends.unwrap_or(every)).max(Duration::from_millis(10))
    }

    /// Releases everything. What cannot be released expires.
    pub async fn leave(mut self) {
        *self.cooperation.held() = Held::default();
        self.cooperation.shared.changed.send_replace(());
        let seat = std::mem::take(&mut self.seat.held);
        let mut all = std::mem::take(&mut self.leaving);
        all.append(&mut self.parting);
        for portion in [&mut self.blocks, &mut self.shares, &mut self.lists] {
            all.append(&mut portion.held);
        }
        // The seat last: while it is taken nobody else counts on more than its part.
        all.extend(seat);
        if let Err(error) = self.leases.release(&all).await {
            tracing::warn!(%error, "leases could not be released; they expire");
        }
    }

    fn all(&self) -> impl Iterator<Item = &GrantedLease> {
        [&self.seat, &self.lists, &self.shares, &self.blocks]
            .into_iter()
            .flat_map(|portion| &portion.held)
    }

    async fn work(&mut self) -> Result<(), LeaseError> {
        let (leases, ttl) = (Rc::clone(&self.leases), self.config.lease);
        let mut first = Ok(());
        for portion in [&mut self.seat, &mut self.lists, &mut self.shares, &mut self.blocks] {
            first = first.and(portion.renew(&*leases, ttl).await);
        }
        self.renew_leaving().await;
        // Shown before anything else is asked: what was lost must not be worked on.
        self.show(None);
        first?;
        let place = self.sit_down().await?;
        self.lead().await?;
        self.release_surplus(place).await?;
        self.shares.fill(&*leases, place.of(SHARES), ttl).await?;
        self.blocks.fill(&*leases, place.of(BLOCKS), ttl).await?;
        self.show(Some(place));
        Ok(())
    }

    /// Takes the lists when they are free, or watches whoever has them. With a catalog of its own each member reads them
    /// for itself, and nobody needs a lease for that.
    async fn lead(&mut self) -> Result<(), LeaseError> {
        if self.config.apart {
            return Ok(());
        }
        let leases = Rc::clone(&self.leases);
        self.lists.fill(&*leases, (1, 0), self.config.lease).await?;
        let seen = match self.lists.held.is_empty() {
            true => leases.look(self.lists.names()).await?.pop().flatten(),
            false => None,
        };
        let before = self.leader.take();
        self.leader = seen.map(|now| {
            // Renewed, or taken over by a third one: either way somebody did it a moment ago.
            let lives = before.is_some_and(|(before, lived)| lived || before != now);
            (now, lives)
        });
        Ok(())
    }

    async fn renew_leaving(&mut self) {
        if self.leaving.is_empty() {
            return;
        }
        let answers = self.leases.renew(&self.leaving, self.config.lease).await;
        let terms = self.leases.terms();
        let kept = |(old, answer): (GrantedLease, Result<GrantedLease, LeaseError>)| match answer {
            Ok(renewed) => Some(renewed),
            Err(LeaseError::Lost { .. }) => None,
            // The store may be back before it ends.
            Err(_) => terms.is_good(&old).then_some(old),
        };
        self.leaving = std::mem::take(&mut self.leaving)
            .into_iter()
            .zip(answers)
            .filter_map(kept)
            .collect();
    }

    /// Takes a seat and counts the others.
    async fn sit_down(&mut self) -> Result<Place, LeaseError> {
        let leases = Rc::clone(&self.leases);
        // Members that come at once look for a seat at different places.
        let start = usize::from(crate::grin::block_of(&self.config.owner)) % SEATS;
        self.seat.fill(&*leases, (1, start), self.config.lease).await?;
        let seen = leases.look(self.seat.names()).await?;
        let own = self.seat.held.first().map(|lease| lease.name.as_str());
        let taken: Vec<&str> = self
            .seat
            .names()
            .iter()
            .zip(&seen)
            .filter(|(_, holding)| holding.is_some())
            .map(|(name, _)| name.as_str())
            .collect();
        let rank = taken.iter().position(|name| Some(*name) == own);
        rank.map(|rank| Place {
            rank,
            members: taken.len(),
        })
        .ok_or_else(|| {
            LeaseError::Store(format!(
                "all {SEATS} seats are taken: no more daemons can share this library"
            ))
        })
    }

    /// Releases what is more than fair; a block with claimed books only when they are done. First it is shown that these
    /// are not to be used any more, then they are released.
    async fn release_surplus(&mut self, place: Place) -> Result<(), LeaseError> {
        let cooperation = self.cooperation.clone();
        let idle = |lease: &GrantedLease| number_of(lease).is_none_or(|block| !cooperation.in_use(block));
        let mut free = std::mem::take(&mut self.parting);
        self.parting = self.shares.surplus(place.of(SHARES).0, |_| true);
        self.leaving.extend(self.blocks.surplus(place.of(BLOCKS).0, idle));
        self.show(None);
        let (idle, busy): (Vec<_>, Vec<_>) = std::mem::take(&mut self.leaving).into_iter().partition(idle);
        self.leaving = busy;
        free.extend(idle);
        if free.is_empty() {
            return Ok(());
        }
        let released = self.leases.release(&free).await;
        if released.is_err() {
            // Asked again in the next round; shown as held it is not any more.
            self.parting.append(&mut free);
        }
        released
    }

    /// Shows what is held; with a place also how many share the work and whether all that is due is held.
    fn show(&self, place: Option<Place>) {
        let numbered = |lease: &GrantedLease| Some((number_of(lease)?, lease.clone()));
        let mut held = self.cooperation.held();
        held.blocks = self.blocks.held.iter().filter_map(numbered).collect();
        held.leaving = self.leaving.iter().filter_map(numbered).collect();
        held.lists = self.lists.held.first().cloned();
        held.another_leads = self.leader.as_ref().is_some_and(|(_, lives)| *lives);
        held.shares.clone_from(&self.shares.held);
        if let Some(place) = place {
            held.members = place.members;
            held.settled = self.blocks.held.len() == place.of(BLOCKS).0 && self.shares.held.len() == place.of(SHARES).0;
        }
        drop(held);
        self.cooperation.shared.changed.send_replace(());
    }
}

/// The number at the end of a lease's name.
fn number_of(lease: &GrantedLease) -> Option<u8> {
    lease.name.rsplit_once('/')?.1.parse().ok()
}
