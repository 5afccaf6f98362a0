//! What stands in the log and may not be among the projection's rows yet: results of commands, and states of streams. The
//! rows follow within milliseconds; answers do not wait for them.

use std::collections::{HashMap, VecDeque};

use egide_domain::ids::CommandId;
use egide_eventlog::Head;
use egide_projection::{ModelError, View};
use egide_wire::proto::egide::ledger::v1::Area;

use super::state::StreamState;
use crate::model::{self, CommandRow, StreamHead, StreamId};

/// What one block added.
struct Added {
    number: u64,
    commands: Vec<(String, CommandId)>,
    streams: Vec<StreamId>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Ahead {
    head: Option<Head>,
    blocks: VecDeque<Added>,
    commands: HashMap<(String, CommandId), CommandRow>,
    /// With the number of the block that left the stream so.
    states: HashMap<StreamId, (u64, StreamState)>,
}

impl Ahead {
    /// Takes in a block: the head after it, its commands with their results, and the streams as they are after it.
    pub(crate) fn push(
        &mut self,
        head: &Head,
        commands: impl IntoIterator<Item = ((String, CommandId), CommandRow)>,
        states: impl IntoIterator<Item = (StreamId, StreamState)>,
    ) {
        let number = head.number();
        let mut added = Added { number, commands: Vec::new(), streams: Vec::new() };
        for (command, row) in commands {
            added.commands.push(command.clone());
            self.commands.insert(command, row);
        }
        for (stream, state) in states {
            added.streams.push(stream);
            self.states.insert(stream, (number, state));
        }
        self.blocks.push_back(added);
        self.head = Some(head.clone());
    }

    /// Forgets what is among the rows of a projection that has applied block `number`; hands out the states of streams that
    /// nothing later extends.
    pub(crate) fn settle(&mut self, number: u64) -> Vec<(StreamId, StreamState)> {
        let mut settled = Vec::new();
        while let Some(added) = self.blocks.pop_front_if(|added| added.number <= number) {
            for command in &added.commands {
                self.commands.remove(command);
            }
            for stream in added.streams {
                if self.states.get(&stream).is_some_and(|(newest, _)| *newest == added.number) {
                    settled.extend(self.states.remove(&stream).map(|(_, state)| (stream, state)));
                }
            }
        }
        if self.head.as_ref().is_some_and(|head| head.number() <= number) {
            self.head = None;
        }
        settled
    }
}

/// The newest there is: what is ahead, and below it the rows of the projection. Nothing reads the rows past it.
pub(crate) struct Newest<'a> {
    view: &'a View<'a>,
    ahead: &'a Ahead,
}

impl<'a> Newest<'a> {
    /// INVARIANT: `ahead` was settled with the number of the view's head.
    pub(crate) const fn new(view: &'a View<'a>, ahead: &'a Ahead) -> Self {
        Self { view, ahead }
    }

    /// The head after the newest block.
    pub(crate) fn head(&self) -> &Head {
        self.ahead.head.as_ref().unwrap_or_else(|| self.view.head())
    }

    /// The result of a command; `None` when it never was.
    pub(crate) fn command(&self, emitter: &str, id: CommandId) -> Result<Option<CommandRow>, ModelError> {
        match self.ahead.commands.get(&(emitter.to_owned(), id)) {
            Some(row) => Ok(Some(row.clone())),
            None => model::command(self.view, emitter, id),
        }
    }

    /// How far a stream reaches; `None` when there is none.
    pub(crate) fn head_of(&self, stream: StreamId) -> Result<Option<StreamHead>, ModelError> {
        match self.ahead.states.get(&stream) {
            Some((_, state)) => Ok(Some(StreamHead { area: state.area(), revision: state.revision() })),
            None => model::head_of(self.view, stream),
        }
    }

    /// The state of a stream whose newest events are not all among the rows.
    pub(crate) fn state_ahead(&self, stream: StreamId) -> Option<&StreamState> {
        self.ahead.states.get(&stream).map(|(_, state)| state)
    }

    /// The state of a stream, all of whose events are among the rows.
    pub(crate) fn fold(&self, stream: StreamId, head: StreamHead) -> Result<StreamState, ModelError> {
        StreamState::fold(self.view, stream, head)
    }
}

impl StreamState {
    const fn area(&self) -> Area {
        match self {
            Self::Case(_) => Area::Case,
            Self::Directory(_) => Area::Directory,
            Self::House(_) => Area::House,
        }
    }
}
