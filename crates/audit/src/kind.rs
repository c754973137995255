//! The kinds of events: a row each.

/// Whether the event is on the disk before the call that caused it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// Administrative acts: they are few, and what they leave behind lasts.
    Durable,
    /// Everything else: written at once, on the disk when the system gets to it.
    Soon,
}

macro_rules! kinds {
    ($( $kind:ident $name:literal $sync:ident $about:literal ;)*) => {
        /// What an event is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Kind { $( #[doc = $about] $kind ),* }

        impl Kind {
            /// Every kind, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The value of `event` in the log.
            pub const fn name(self) -> &'static str { match self { $(Self::$kind => $name),* } }

            /// What happened, in a sentence.
            pub const fn about(self) -> &'static str { match self { $(Self::$kind => $about),* } }

            const fn sync(self) -> Sync { match self { $(Self::$kind => Sync::$sync),* } }
        }
    };
}

kinds! {
//  kind              name                durable  what happened
    TokenInitialized  "token-initialized" Durable  "The slot was initialised, or initialised anew: all it held is gone. `reason` is the policy mode.";
    Login             "login"             Soon     "A user logged in.";
    LoginFailed       "login-failed"      Soon     "A PIN was not accepted, at a login or where `call` says: a wrong one, of an unknown user, or of a locked one.";
    Logout            "logout"            Soon     "A user logged out.";
    PinChanged        "pin-changed"       Durable  "The user `target` changed its own PIN.";
    PinReset          "pin-reset"         Durable  "A security officer gave the user `target` a PIN.";
    PinLocked         "pin-locked"        Soon     "Too many wrong PINs in a row locked the user.";
    UserCreated       "user-created"      Durable  "A security officer made the user `target`; `reason` is the role.";
    UserDeleted       "user-deleted"      Durable  "A security officer ended the user `target`.";
    UserUnlocked      "user-unlocked"     Durable  "A security officer took back the wrong PINs of the user `target`.";
    ModeTightened     "mode-tightened"    Durable  "A security officer made the policy mode stricter.";
    SettingsChanged   "settings-changed"  Durable  "A security officer changed the token's settings.";
    BackedUp          "backed-up"         Durable  "A security officer made a backup of the token; `reason` is its number.";
    Restored          "restored"          Durable  "A backup was restored into the empty slot; `reason` is its number, and whether it was an older one.";
    KeyCreated        "key-created"       Soon     "A key was made on the token; `call` says how.";
    KeyDestroyed      "key-destroyed"     Soon     "A key of the token was destroyed.";
    KeyChanged        "key-changed"       Soon     "Attributes of a key of the token were changed; `reason` names them.";
    KeyShared         "key-shared"        Durable  "The owner of a key set who else may use it: the users `target`, or nobody.";
    KeyTrusted        "key-trusted"       Durable  "A security officer marked a wrapping key, or a certificate, trusted.";
    KeyRetired        "key-retired"       Durable  "A security officer retired a trusted key, or took trust from a certificate.";
    KeyWrappedOut     "key-wrapped-out"   Soon     "A key of the token left it wrapped; `reason` says under which.";
    Refused           "refused"           Soon     "The token's rules refused a call.";
    WouldRefuse       "would-refuse"      Soon     "In the mode `audit`: the call was done, and `enforce` would have refused it.";
    QuorumFiled       "quorum-filed"      Durable  "An act that needs several security officers was asked for.";
    QuorumApproved    "quorum-approved"   Durable  "A security officer approved a pending act.";
    QuorumWithdrawn   "quorum-withdrawn"  Durable  "A pending act was withdrawn, or expired.";
    QuorumDone        "quorum-done"       Durable  "A pending act had all its approvals and was done.";
    AuditOpened       "audit-opened"      Soon     "The log begins.";
    AuditRotated      "audit-rotated"     Soon     "The log goes on in a new file; files before `oldest` are dropped.";
    AuditTorn         "audit-torn"        Soon     "The line before this one was cut in two by a crash or a full disk; it holds no event.";
    AuditCut          "audit-cut"         Durable  "Events before this one are missing, or `head` was: tampering, or a power cut.";
    AuditLost         "audit-lost"        Soon     "The program could not write `times` events before this one.";
}

impl Kind {
    /// Whether the event is on the disk before the call that caused it returns.
    pub const fn is_durable(self) -> bool {
        matches!(self.sync(), Sync::Durable)
    }

    /// Whether an application can cause any number of these, so that equal ones are counted together.
    pub(crate) const fn is_repeatable(self) -> bool {
        matches!(self, Self::LoginFailed | Self::Refused | Self::WouldRefuse | Self::KeyWrappedOut)
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_kinds_alone() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        }
    }
}
