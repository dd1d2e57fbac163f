//! Shared names: of channels and of users, each within its application.

use std::sync::Arc;

/// A channel of one application. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Channel(Arc<Name>);

/// A user of one application. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct User(Arc<Name>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    application: Arc<str>,
    text: Arc<str>,
}

impl Channel {
    pub(crate) fn new(application: Arc<str>, name: &str) -> Self {
        Self(Arc::new(Name { application, text: name.into() }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.text
    }
}

impl User {
    pub(crate) fn new(application: &str, id: &str) -> Self {
        Self(Arc::new(Name { application: application.into(), text: id.into() }))
    }

    pub(crate) fn application(&self) -> &str {
        &self.0.application
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.text
    }

    /// The id alone, as a key in the roster of a channel, which is of one application anyway.
    pub(crate) fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.0.text)
    }

    /// A channel of this user's application.
    pub(crate) fn channel(&self, name: &str) -> Channel {
        Channel::new(Arc::clone(&self.0.application), name)
    }
}
