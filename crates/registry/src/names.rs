//! Shared names: of channels and of users, each within its application.

use std::sync::Arc;

/// A channel of one application. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Channel(Arc<Name>);

/// A user of one application. Cloning shares it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User(Arc<Name>);

#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Name {
    application: Arc<str>,
    text: Arc<str>,
}

impl Channel {
    /// A channel of an application.
    pub fn new(application: Arc<str>, name: &str) -> Self {
        Self(Arc::new(Name { application, text: name.into() }))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.text
    }

    /// Its application.
    pub fn application(&self) -> &str {
        &self.0.application
    }

    /// A user of this channel's application.
    pub(crate) fn user(&self, id: &str) -> User {
        User(Arc::new(Name { application: Arc::clone(&self.0.application), text: id.into() }))
    }
}

impl User {
    /// A user of an application.
    pub fn new(application: &str, id: &str) -> Self {
        Self(Arc::new(Name { application: application.into(), text: id.into() }))
    }

    /// The application.
    pub fn application(&self) -> &str {
        &self.0.application
    }

    /// The user's id.
    pub fn id(&self) -> &str {
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
