//! What the store has, told to a SIEM: a record becomes an event by a mapping, and a transport
//! takes it there.
//!
//! ```text
//! told.rs, mapping/   a record, and the forms of events
//! event.rs            what a transport is given
//! outbox.rs           what a sink has not been told yet; why nothing is lost
//! sink.rs             what is said about a sink
//! send.rs             one batch: read, sent, settled
//! run.rs              all sinks, side by side, once or for ever
//! pace.rs             when a sink is tried again, and how much it is sent
//! logs.rs             lines of the SIEM's log
//! refused.rs, status.rs, check.rs   what people ask; measures.rs what monitors do
//! ```

mod check;
mod event;
mod logs;
pub mod mapping;
mod measures;
mod outbox;
mod pace;
mod refused;
mod run;
mod send;
mod sink;
mod status;
mod told;

pub use check::{Checked, check, test_event};
pub use event::event;
pub use mapping::Mapping;
pub use measures::Measures;
pub use refused::{RefusedEvent, SentAgain, refused, send_again};
pub use run::{Happened, Observer, Options, SinkReport, preview, run};
pub use sink::{LogSettings, SinkSettings, Start};
pub use status::{KindStatus, LogStatus, SinkStatus, status};
pub use told::{AccountRef, Change, Kind, OrganizationRef, Told};
