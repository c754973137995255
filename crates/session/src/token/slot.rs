//! What slot and token say of themselves (PKCS#11 3.2 sections 3.2, 5.5).

use std::time::SystemTime;

use claviger_rules::mechanism::MECHANISMS;
use claviger_rules::{Error, KeyType, MechanismType, Refusal, Rulebook};
use claviger_store::{MAX_PIN_LEN, MIN_PIN_LEN, Settings, User};
use time::OffsetDateTime;

use super::Token;
use super::name::{DEFAULT_SO, DEFAULT_USER};
use crate::{MechanismInfo, Result, SlotId, SlotInfo, TokenInfo, Version, flag};

const MANUFACTURER: &str = "Claviger";
const MODEL: &str = "Claviger";
const HARDWARE: Version = Version { major: 1, minor: 0 };
const FIRMWARE: Version =
    Version { major: decimal(env!("CARGO_PKG_VERSION_MAJOR")), minor: decimal(env!("CARGO_PKG_VERSION_MINOR")) };

impl Token {
    /// C_GetSlotInfo. The token is part of the slot and always there, even if it cannot be used.
    pub(crate) fn slot_info(slot: SlotId) -> SlotInfo {
        SlotInfo {
            description: format!("Claviger slot {}", slot.0),
            manufacturer: MANUFACTURER,
            flags: flag::TOKEN_PRESENT,
            hardware_version: HARDWARE,
            firmware_version: FIRMWARE,
        }
    }

    /// C_GetTokenInfo.
    pub(crate) fn token_info(&self) -> TokenInfo {
        let header = self.known().header;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let (read_only, read_write) = self.session_counts();
        TokenInfo {
            label: header.map(|header| text(&header.label)).unwrap_or_default(),
            manufacturer: MANUFACTURER,
            model: MODEL,
            serial: header.map(|header| text(&header.serial)).unwrap_or_default(),
            mode: header.map(|header| header.mode),
            quorum: header.map(|header| header.quorum),
            flags: self.token_flags(),
            max_sessions: self.defaults.max_sessions,
            sessions: read_only.saturating_add(read_write),
            max_rw_sessions: self.defaults.max_rw_sessions,
            rw_sessions: read_write,
            max_pin_len: MAX_PIN_LEN as u64,
            min_pin_len: MIN_PIN_LEN as u64,
            hardware_version: HARDWARE,
            firmware_version: FIRMWARE,
            utc_time: utc_time(SystemTime::now()),
        }
    }

    fn token_flags(&self) -> u64 {
        let known = self.known();
        let mut flags = flag::RNG | flag::LOGIN_REQUIRED | flag::CLOCK_ON_TOKEN;
        let Some(header) = known.header else { return flags };
        flags |= flag::TOKEN_INITIALIZED;
        if known.users.iter().any(|user| !user.role.is_so()) {
            flags |= flag::USER_PIN_INITIALIZED;
        }
        let named = |name: &str, is_so| {
            let is = |user: &&User| user.name.eq_ignore_ascii_case(name) && user.role.is_so() == is_so;
            known.users.iter().find(is)
        };
        let [low, last, locked] = pin_state(named(DEFAULT_USER, false), &header.settings);
        flags |= bit(low, flag::USER_PIN_COUNT_LOW)
            | bit(last, flag::USER_PIN_FINAL_TRY)
            | bit(locked, flag::USER_PIN_LOCKED);
        let [low, last, locked] = pin_state(named(DEFAULT_SO, true), &header.settings);
        flags | bit(low, flag::SO_PIN_COUNT_LOW) | bit(last, flag::SO_PIN_FINAL_TRY) | bit(locked, flag::SO_PIN_LOCKED)
    }

    /// C_GetMechanismList: what is good for anything in the token's mode.
    pub(crate) fn mechanisms(&self) -> Vec<MechanismType> {
        let rules = Rulebook::of(self.mode());
        MECHANISMS.iter().filter(|row| !row.usages_under(rules).is_empty()).map(|row| row.id).collect()
    }

    /// C_GetMechanismInfo. What the flags promise, the token's mode allows.
    pub(crate) fn mechanism_info(&self, id: MechanismType) -> Result<MechanismInfo> {
        let rules = Rulebook::of(self.mode());
        let (row, usages) = id
            .row()
            .map(|row| (row, row.usages_under(rules)))
            .filter(|(_, usages)| !usages.is_empty())
            .ok_or(Refusal::standard(Error::MechanismInvalid, "the token does not have this mechanism"))?;
        let curves = if row.takes(KeyType::Ec) { CURVES } else { 0 };
        Ok(MechanismInfo { min: row.min, max: row.max, flags: usages.0 | curves })
    }
}

/// What the token can do with curves (section 6.3).
const CURVES: u64 = flag::EC_F_P | flag::EC_NAMEDCURVE | flag::EC_UNCOMPRESS | flag::EC_COMPRESS;

/// CKF_*_PIN_COUNT_LOW, FINAL_TRY and LOCKED of a default user, who may not exist.
fn pin_state(user: Option<&User>, settings: &Settings) -> [bool; 3] {
    let Some(user) = user else { return [false; 3] };
    let is_last = settings.max_pin_failures != 0 && user.failures.saturating_add(1) == settings.max_pin_failures;
    [user.failures > 0, is_last, user.locked]
}

const fn bit(condition: bool, flag: u64) -> u64 {
    if condition { flag } else { 0 }
}

/// YYYYMMDDhhmmss00 (section 3.2, `utcTime`).
fn utc_time(now: SystemTime) -> [u8; 16] {
    let now = OffsetDateTime::from(now);
    let (date, time) = (now.date(), now.time());
    let text = format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}00",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    crate::padded(&text)
}

/// The number that cargo gives as text.
const fn decimal(text: &str) -> u8 {
    let mut number: u8 = 0;
    let mut digits = text.as_bytes();
    while let [digit, rest @ ..] = digits {
        number = number * 10 + (*digit - b'0');
        digits = rest;
    }
    number
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::utc_time;

    #[test]
    fn the_clock_speaks_as_the_standard_wants() {
        assert_eq!(&utc_time(SystemTime::UNIX_EPOCH), b"1970010100000000");
        let leap_day = SystemTime::UNIX_EPOCH + Duration::from_secs(1_709_251_199);
        assert_eq!(&utc_time(leap_day), b"2024022923595900");
    }
}
