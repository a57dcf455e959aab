//! Why one page of a list was not read to its end, and what follows for the pass.

use std::time::Duration;

use crate::catalog::CatalogError;
use crate::grin::{AnswerRefusal, ListRefusal};
use crate::session::{BodyError, ErrorClass, SessionError};

/// Why one page was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageFault {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("GRIN's answer is no list page: {0}")]
    Refused(AnswerRefusal),
    #[error(transparent)]
    Unreadable(#[from] ListRefusal),
    #[error("the page breaks off before its end")]
    Torn,
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl PageFault {
    /// It is the answer that is not right, not the way to it.
    pub fn is_grins(&self) -> bool {
        match self {
            Self::Session(error) => matches!(error.class(), ErrorClass::Permanent),
            Self::Refused(_) | Self::Unreadable(_) | Self::Torn => true,
            Self::Body(_) | Self::Catalog(_) => false,
        }
    }

    /// Nothing is wrong with the pages before, nor with the way that they lead.
    pub fn may_be_gone_on_with(&self) -> bool {
        self.may_pass() && !matches!(self, Self::Refused(AnswerRefusal::Loop | AnswerRefusal::ForeignNext))
    }

    pub fn may_pass(&self) -> bool {
        match self {
            Self::Session(error) => matches!(error.class(), ErrorClass::Transient { .. }),
            Self::Body(_) | Self::Refused(_) | Self::Torn => true,
            Self::Unreadable(_) | Self::Catalog(_) => false,
        }
    }

    pub fn wait(&self) -> Duration {
        match self {
            Self::Session(error) => match error.class() {
                ErrorClass::Transient { wait } => wait.unwrap_or_default(),
                _ => Duration::ZERO,
            },
            _ => Duration::ZERO,
        }
    }
}
