//! What a change of a contract does to the crate.

pub mod causes;
pub mod repairs;
mod surface;
pub mod trace;

use anyhow::{Result, anyhow};

use crate::codegen;
use crate::codegen::surface::Surface;
use crate::generate::overlay::Overlay;
use crate::generate::{self, Contracts, Generated};
use trace::Trace;

/// What the pipeline makes of the contracts.
pub struct Made {
    pub(super) generated: Generated,
    surface: Surface,
    trace: Trace,
}

impl Made {
    /// Runs the pipeline.
    pub fn of(contracts: Contracts, overlays: &[Overlay]) -> Result<Self> {
        let generated = generate::run_steps(contracts, overlays)?;
        let model = codegen::model::Model::read(&generated.document).map_err(|why| anyhow!(why))?;
        let code = codegen::code(&generated.document, &model).map_err(|why| anyhow!(why))?;
        Ok(Self {
            surface: codegen::surface::surface(&code),
            trace: Trace::new(contracts, &generated.document),
            generated,
        })
    }

    /// The crate's surface, as the snapshots show it.
    pub fn surface(&self) -> String {
        self.surface.operations_text() + &self.surface.types_text()
    }
}
