//! What is done about findings: each is known again, held against what is managed, decided upon, and the decision is
//! durable before the next one.

use super::chain_of;
use super::house::{House, News};
use super::queue::Job;
use crate::alert::{Notice, words};
use crate::clock::Clock as _;
use crate::config::policy::When;
use crate::database::DatabaseError;
use crate::journal::{Journal as _, JournalError};
use crate::ledger::{Leak, Leaks, Seen};
use crate::model::{
    Credential, Digest, Finding, FingerprintKey, KindId, Place, RotationId, Sighting, Timestamp, Verdict,
};
use crate::rotation::{Outcome, Plan, Stage};
use crate::runner::{self, RunError};
use crate::triage::{self, Decision, Earlier, Why};
use crate::wiring::candidates::{Candidate, Candidates};
use crate::wiring::mending::Mending;
use crate::wiring::own::Own;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Leaks of one scan that are told one by one.
const SINGLE: usize = 5;

/// Why nothing could be decided.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecideError {
    #[error("the ledger does not work")]
    Ledger(#[from] DatabaseError),
    #[error("the journal does not work")]
    Journal(#[source] JournalError),
    #[error("'{credential}' could not be read, and it may be the leaked one: {why}")]
    Unread { credential: String, why: String },
    #[error("a case could not be opened")]
    Open(#[source] RunError),
    #[error("the daemon ends")]
    Stopped,
}

/// Which findings are decided about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Every one.
    All,
    /// Those that a managed credential holds now, and those of which that is not known.
    Managed,
}

/// Decides about findings.
pub(super) struct Judge {
    house: Arc<House>,
    leaks: Leaks,
    key: FingerprintKey,
}

/// What a scan saw.
pub(super) struct Sighted<'a> {
    pub(super) sightings: &'a [Sighting],
    /// Of each, how it went past a hook; empty where none did.
    pub(super) bypasses: &'a [Option<String>],
}

/// A decision that changes nothing but what is known. It is noted when it was told, so that whoever is killed in between
/// tells it again, and never not at all; all of a scan are told together.
struct Settled {
    /// Which finding.
    number: usize,
    digest: Digest,
    place: String,
    verdict: Option<&'static str>,
    words: String,
    case: Option<RotationId>,
    notice: Option<Notice>,
}

/// One finding of one source.
struct Found<'a> {
    number: usize,
    bypass: Option<&'a str>,
    sighting: &'a Sighting,
    finding: &'a Finding,
    seen: Seen<'a>,
}

impl Judge {
    pub(super) fn new(house: Arc<House>, leaks: Leaks, key: FingerprintKey) -> Self {
        Self { house, leaks, key }
    }

    /// Decides about all of them.
    pub(super) async fn all(
        &self,
        config: &Mending,
        job: &Job,
        sighted: &Sighted<'_>,
        findings: Vec<Finding>,
        scope: Scope,
    ) -> Result<(), DecideError> {
        let mut settled = Vec::new();
        let outcome = self.each(config, job, sighted, &findings, scope, &mut settled).await;
        self.tell(config, job, &settled).await;
        for one in &settled {
            let Some(finding) = findings.get(one.number) else { continue };
            let seen = self.seen(job, finding, &one.digest, &one.place);
            self.leaks.decide(seen, one.verdict, &one.words, one.case.as_ref()).await?;
        }
        outcome
    }

    /// Each leak has its message, unless they are so many that nobody would read them.
    async fn tell(&self, config: &Mending, job: &Job, settled: &[Settled]) {
        let mut notices: Vec<Notice> = settled.iter().filter_map(|one| one.notice.clone()).collect();
        if notices.len() > SINGLE {
            let (now, link) = (self.house.clock.now(), config.operator.daemon.link.as_deref());
            notices = vec![words::many(&job.source, &job.repository, &notices, now, link)];
        }
        for notice in &notices {
            self.house.voices.tell(notice).await;
        }
    }

    fn seen<'a>(&self, job: &'a Job, finding: &'a Finding, digest: &'a Digest, place: &'a str) -> Seen<'a> {
        Seen {
            source: &job.source,
            fingerprint: &finding.fingerprint,
            digest,
            kind: &finding.kind,
            place,
            at: self.house.clock.now(),
        }
    }

    async fn each(
        &self,
        config: &Mending,
        job: &Job,
        sighted: &Sighted<'_>,
        findings: &[Finding],
        scope: Scope,
        settled: &mut Vec<Settled>,
    ) -> Result<(), DecideError> {
        let mut candidates: BTreeMap<KindId, Candidates> = BTreeMap::new();
        let own = if findings.is_empty() { Own::default() } else { config.own() };
        for (number, (sighting, finding)) in sighted.sightings.iter().zip(findings).enumerate() {
            if self.house.stopping.load(Ordering::SeqCst) {
                return Err(DecideError::Stopped);
            }
            if !candidates.contains_key(&finding.kind) {
                candidates.insert(finding.kind.clone(), config.candidates(&finding.kind, None).await);
            }
            let Some(of_kind) = candidates.get(&finding.kind) else { continue };
            // What may well be no token is nobody's news, unless somebody manages it.
            let slight = scope == Scope::Managed || sighting.doubtful;
            if slight && of_kind.find(&finding.secret).is_none() && of_kind.unread().is_empty() {
                continue;
            }
            let digest = self.key.digest("leak", &finding.secret);
            let place = sighting.place.to_string();
            let seen = self.seen(job, finding, &digest, &place);
            let bypass = sighted.bypasses.get(number).and_then(Option::as_deref);
            let found = Found { number, bypass, sighting, finding, seen };
            let opened = self.one(config, &own, &found, of_kind, settled).await?;
            if let (Some(name), Some(of_kind)) = (opened, candidates.get_mut(&finding.kind)) {
                // What its store holds is about to change; what the others hold is not.
                config.look_again(&name, of_kind).await;
            }
        }
        Ok(())
    }

    /// Decides about one; the credential of which a case was opened, if one was.
    async fn one(
        &self,
        config: &Mending,
        own: &Own,
        found: &Found<'_>,
        candidates: &Candidates,
        settled: &mut Vec<Settled>,
    ) -> Result<Option<String>, DecideError> {
        let before = self.leaks.note(found.seen).await?;
        if config.operator.is_honeytoken(&found.finding.kind, &found.finding.fingerprint) {
            let decision = Decision::Report(Why::Honeytoken);
            settled.push(self.settle(found, &decision, None, None, before.as_deref()));
            return Ok(None);
        }
        let earlier = self.earlier(config, &self.leaks.of(found.seen.digest).await?).await?;
        let secret = &found.finding.secret;
        let holder = candidates.find(secret);
        if holder.is_some() {
            // It goes to its provider, whose answer may hold it. What nobody manages goes nowhere.
            crate::telemetry::hush(secret);
        }
        if earlier == Earlier::None
            && holder.is_none()
            && let Some((credential, error)) = candidates.unread().first()
        {
            return Err(DecideError::Unread { credential: credential.clone(), why: chain_of(error) });
        }
        let when = holder.map_or(When::Report, |one| when_of(config, one));
        // What a person began is that case's.
        let spared = match &earlier {
            Earlier::Open(_) | Earlier::Dead(_) => None,
            Earlier::None | Earlier::Alive(_) => spared(config, own, found, holder)?,
        };
        let decision = match spared {
            Some(why) => Decision::Report(why),
            None => triage::decide(earlier, candidates.holders(secret).len(), when),
        };
        let leaked = holder.map(|one| triage::leaked(one.token.clone(), &one.current, &found.finding.companions));
        match (&decision, holder, leaked) {
            (Decision::Open, Some(one), Some(leaked)) => {
                let case = self.open(config, found, one, &leaked).await?;
                let words = Decision::Attach(case.clone()).words();
                self.leaks.decide(found.seen, None, &words, Some(&case)).await?;
                if let Some(notice) = self.news(found, &decision, None, Some(&one.managed.name), Some(&case)) {
                    self.house.voices.tell(&notice).await;
                }
                return Ok(Some(one.managed.name.clone()));
            }
            (Decision::Report(Why::Policy), Some(one), Some(leaked)) => {
                let verdict = triage::verify(&one.managed, &leaked).await;
                let name = Some(one.managed.name.as_str());
                settled.push(self.settle(found, &decision, Some(&verdict), name, before.as_deref()));
            }
            _ => {
                let name = holder.map(|one| one.managed.name.as_str());
                settled.push(self.settle(found, &decision, None, name, before.as_deref()));
            }
        }
        Ok(None)
    }

    /// Notes a decision after which nothing is opened, and tells of it what is news.
    fn settle(
        &self,
        found: &Found<'_>,
        decision: &Decision,
        verdict: Option<&Verdict>,
        credential: Option<&str>,
        before: Option<&str>,
    ) -> Settled {
        let (verdict_word, case) = match decision {
            Decision::Dead(case) => (Some("dead"), Some(case)),
            Decision::Attach(case) | Decision::Report(Why::Ended(case)) => (None, Some(case)),
            Decision::Open | Decision::Report(_) => (verdict.map(Verdict::word), None),
        };
        let words = decision.words();
        // One that was seen before it was committed is news again when somebody let it pass.
        let is_new = before != Some(words.as_str()) || found.bypass.is_some();
        let is_news = is_new && !matches!(decision, Decision::Dead(_));
        Settled {
            number: found.number,
            digest: found.seen.digest.clone(),
            place: found.seen.place.to_owned(),
            verdict: verdict_word,
            notice: is_news.then(|| self.news(found, decision, verdict, credential, case)).flatten(),
            words,
            case: case.cloned(),
        }
    }

    fn news(
        &self,
        found: &Found<'_>,
        decision: &Decision,
        verdict: Option<&Verdict>,
        credential: Option<&str>,
        case: Option<&RotationId>,
    ) -> Option<Notice> {
        let (source, sighting, bypass) = (found.seen.source, found.sighting, found.bypass);
        self.house.leak(&News { source, sighting, decision, verdict, credential, case, bypass })
    }

    /// What became of the case that this secret had, in whatever source it was seen.
    async fn earlier(&self, config: &Mending, known: &[Leak]) -> Result<Earlier, DecideError> {
        let mut cases: Vec<RotationId> = known.iter().filter_map(|leak| leak.rotation.clone()).collect();
        if cases.is_empty() {
            cases = self.begun(config, known).await?;
        }
        let Some(case) = cases.into_iter().max_by_key(|case| (case.as_str().len(), case.as_str().to_owned())) else {
            return Ok(Earlier::None);
        };
        let state = match runner::replay(&config.journal, &case).await {
            Ok(state) => state,
            Err(RunError::Journal(error)) => return Err(DecideError::Journal(error)),
            // A case that cannot be read is not one that ended well.
            Err(_) => return Ok(Earlier::Alive(case)),
        };
        Ok(match &state.stage {
            Stage::Closed(Outcome::Rotated | Outcome::AlreadyDead) => Earlier::Dead(case),
            Stage::Closed(_) => Earlier::Alive(case),
            _ => Earlier::Open(case),
        })
    }

    /// The case that was being opened when the process died before it could note which.
    async fn begun(&self, config: &Mending, known: &[Leak]) -> Result<Vec<RotationId>, DecideError> {
        let mut begun = known.iter().filter_map(|leak| Some((leak, leak.decision.as_deref()?.strip_prefix(OPENING)?)));
        let Some((leak, credential)) = begun.next_back() else { return Ok(Vec::new()) };
        let all = config.journal.list().await.map_err(DecideError::Journal)?;
        let fits =
            |listed: &&crate::journal::Listed| listed.credential == credential && listed.opened >= leak.first_seen;
        Ok(all.iter().filter(fits).map(|listed| listed.rotation.clone()).collect())
    }

    /// Opens a case; the loop carries it. One that is open for the credential already is this leak's too.
    async fn open(
        &self,
        config: &Mending,
        found: &Found<'_>,
        holder: &Candidate,
        leaked: &Credential,
    ) -> Result<RotationId, DecideError> {
        let intent = format!("{OPENING}{}", holder.managed.name);
        self.leaks.decide(found.seen, None, &intent, None).await?;
        let since = since_of(&found.finding.place, self.house.clock.now());
        let told = |state: &crate::rotation::State, event: &crate::rotation::Event| self.house.event(state, event);
        let runner = config.runner(&holder.managed, &told, None, &self.house.stopping);
        let id = config.journal.next_id().await.map_err(DecideError::Journal)?;
        // The machine opens it, so nobody is its author.
        let consent = config.operator.consent(&holder.managed.name, None);
        let plan = Plan { consent, ..holder.managed.plan(id, since, false) };
        match runner.open(plan, leaked).await {
            Ok(case) | Err(RunError::Journal(JournalError::Active { rotation: case })) => {
                self.house.opened.notify_one();
                Ok(case)
            }
            Err(error) => Err(DecideError::Open(error)),
        }
    }
}

/// What the ledger holds of a leak while its case is being opened.
const OPENING: &str = "opening a case of ";

/// Since when a token is out: since its commit says, which may say anything, but not later than now.
fn since_of(place: &Place, now: Timestamp) -> Timestamp {
    match place.outermost() {
        Place::Commit { time, .. } => match u64::try_from(*time) {
            Ok(seconds) if seconds > 0 => Timestamp(seconds.saturating_mul(1000)).min(now),
            _ => now,
        },
        _ => now,
    }
}

/// What is known, whatever the policy says, not to be touched or to be a person's.
fn spared(
    config: &Mending,
    own: &Own,
    found: &Found<'_>,
    holder: Option<&Candidate>,
) -> Result<Option<Why>, DecideError> {
    if let Some(what) = own.find(&found.finding.secret) {
        return Ok(Some(Why::Own(what.to_owned())));
    }
    let Some(one) = holder else { return Ok(None) };
    if config.operator.credentials.get(&one.managed.name).is_some_and(|entry| entry.value.honeytoken) {
        return Ok(Some(Why::Honeytoken));
    }
    match own.unread() {
        Some(error) => Err(DecideError::Unread { credential: one.managed.name.clone(), why: chain_of(error) }),
        None => Ok(None),
    }
}

fn when_of(config: &Mending, one: &Candidate) -> When {
    config.operator.credentials.get(&one.managed.name).map_or(When::Report, |entry| entry.value.policy.when)
}
