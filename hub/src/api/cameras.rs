//! Cameras: adding, changing, one in full.
//!
//! A credential comes sealed to the agent by the browser; the hub stores it and cannot read it. A URL with a password in it
//! is refused, with the advice where to put it.

use farwatch_shared::keys::Sealed;
use farwatch_shared::wire::latest::{Recording, SourceChoice};

use super::prelude::*;
use super::show;
use crate::audit::Entry;
use crate::policy::{self, PolicyError};
use crate::store::cameras::CameraRow;
use crate::store::changes::Kind;
use crate::store::{Conn, agents, cameras, changes, sites};

/// Days a camera's footage is kept at least, unless said otherwise.
const FLOOR_DAYS: u32 = 30;
/// Largest certificate authority text taken.
const MOST_PEM: usize = 32 << 10;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(__path_add_camera, add_camera)
        .at(__path_camera, camera)
        .at(__path_change_camera, change_camera)
}

/// Adds a camera to an agent.
#[utoipa::path(post, path = "/api/v1/agents/{id}/cameras", tag = "cameras", params(("id" = String, Path)),
    request_body = AddCamera, responses((status = 201, body = CameraDetail), (status = "4XX", body = Failure)))]
async fn add_camera(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(agent): Named<AgentId>,
    Body(ask): Body<AddCamera>,
) -> Result<(StatusCode, Json<CameraDetail>), Fail> {
    let now = office.clock.wall();
    if ask.sealed_credential.is_some() && ask.id.is_none() {
        return Err(Fail::bad(
            "id_required",
            "a sealed credential is bound to the camera's id, and none was given",
            "make a UUIDv7, seal the credential with it, and send both",
        ));
    }
    let row = checked(CameraRow {
        camera: ask.id.unwrap_or_else(CameraId::generate),
        agent,
        name: take::name("camera", &ask.name, 100)?,
        source: wire_source(ask.source),
        recording: wire_recording(ask.recording.unwrap_or(RecordingChoice::Continuous)),
        audio: ask.audio,
        url: ask.url,
        sub_url: ask.sub_url.filter(|url| !url.trim().is_empty()),
        credential: ask.sealed_credential.map(sealed).transpose()?,
        recovery: ask.sealed_recovery.map(sealed).transpose()?,
        ca_pem: ask.ca_pem.filter(|pem| !pem.trim().is_empty()),
        floor_days: ask.floor_days.unwrap_or(FLOOR_DAYS),
        ceiling_days: ask.ceiling_days.filter(|days| *days != 0),
        created_ms: now,
        removed_ms: None,
    })?;
    let id = row.camera;
    let entry = told(Entry::done(now, person.actor(), "camera.add", id).with("agent", agent.to_string()), &row);
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                if agents::get(c, agent).await?.revoked_ms.is_some() {
                    return Err(Fail::conflict("revoked", "that agent is revoked", "enrol the box again"));
                }
                if cameras::get(c, id).await.is_ok() {
                    return Err(Fail::conflict("taken", "there is a camera with that id already", "make a new id"));
                }
                put(c, row, now).await
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(detail(&office, id).await?)))
}

/// One camera in full.
#[utoipa::path(get, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    responses((status = 200, body = CameraDetail), (status = "4XX", body = Failure)))]
async fn camera(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
) -> Result<Json<CameraDetail>, Fail> {
    Ok(Json(detail(&office, id).await?))
}

/// Changes a camera. The agent's desired state follows; until it reports so, `drift` says `pending`.
#[utoipa::path(patch, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    request_body = ChangeCamera, responses((status = 200, body = CameraDetail), (status = "4XX", body = Failure)))]
async fn change_camera(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
    Body(ask): Body<ChangeCamera>,
) -> Result<Json<CameraDetail>, Fail> {
    let now = office.clock.wall();
    let before = cameras::get(&mut *office.db.read().await?, id).await?;
    let row = checked(changed(before.clone(), ask)?)?;
    let entry = told(Entry::done(now, person.actor(), "camera.change", id), &row);
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                // Somebody else's change of the same moment must not be undone by ours.
                if cameras::get(c, id).await? != before {
                    return Err(Fail::conflict(
                        "changed_meanwhile",
                        "the camera was changed by somebody else at the same moment",
                        "look at it again, then change it",
                    ));
                }
                put(c, row, now).await
            })
        })
        .await?;
    Ok(Json(detail(&office, id).await?))
}

/// Names are unique within an agent's site, so that a person can say which camera is meant.
async fn put(c: &mut Conn, row: CameraRow, now: WallMs) -> Result<(), Fail> {
    let site = agents::get(c, row.agent).await?.site;
    if cameras::named_at(c, site, &row.name).await?.is_some_and(|other| other != row.camera) {
        return Err(Fail::conflict("taken", "another camera of this site has that name", "choose another name"));
    }
    cameras::put(c, &row).await?;
    changes::note(c, Kind::Camera, &row.camera.to_string(), now).await?;
    Ok(changes::note(c, Kind::Agent, &row.agent.to_string(), now).await?)
}

/// What was asked, over what is. Pure.
fn changed(mut row: CameraRow, ask: ChangeCamera) -> Result<CameraRow, Fail> {
    // Before anything else: a password in a URL is named as what it is.
    ask.url.as_deref().map(|url| policy::camera_url("main", url)).transpose()?;
    let moved = ask.url.as_ref().is_some_and(|url| host_of(url) != host_of(&row.url));
    if moved && row.credential.is_some() && ask.sealed_credential.is_none() {
        return Err(Fail::bad(
            "credential_required",
            "the stored credential is bound to the old host and would not open for the new one",
            "enter the camera's user and password again",
        ));
    }
    if let Some(name) = ask.name {
        row.name = take::name("camera", &name, 100)?;
    }
    if let Some(url) = ask.url {
        row.url = url;
    }
    if let Some(url) = ask.sub_url {
        row.sub_url = Some(url).filter(|url| !url.trim().is_empty());
    }
    if let Some(source) = ask.source {
        row.source = wire_source(source);
    }
    if let Some(recording) = ask.recording {
        row.recording = wire_recording(recording);
    }
    row.audio = ask.audio.unwrap_or(row.audio);
    row.floor_days = ask.floor_days.unwrap_or(row.floor_days);
    if let Some(days) = ask.ceiling_days {
        row.ceiling_days = Some(days).filter(|days| *days != 0);
    }
    if let Some(secret) = ask.sealed_credential {
        row.credential = Some(sealed(secret)?);
        // A recovery copy of the old secret would bring back the wrong one.
        row.recovery = None;
    }
    if let Some(secret) = ask.sealed_recovery {
        row.recovery = Some(sealed(secret)?);
    }
    if let Some(pem) = ask.ca_pem {
        row.ca_pem = Some(pem).filter(|pem| !pem.trim().is_empty());
    }
    Ok(row)
}

fn host_of(url: &str) -> Option<String> {
    policy::camera_url("main", url).ok().map(|url| policy::binding_host(&url))
}

/// A row that may be stored: its URLs without secrets, its bounds in order.
fn checked(mut row: CameraRow) -> Result<CameraRow, Fail> {
    policy::camera_url("main", &row.url)?;
    row.url = row.url.trim().to_owned();
    if let Some(url) = &mut row.sub_url {
        policy::camera_url("sub", url)?;
        *url = url.trim().to_owned();
    }
    let elsewhere = row.sub_url.as_deref().is_some_and(|sub| host_of(sub) != host_of(&row.url));
    if elsewhere && row.credential.is_some() {
        return Err(Fail::bad(
            "two_hosts",
            "the two streams are on different hosts, and one credential is sealed to one host",
            "add them as two cameras",
        ));
    }
    policy::retention(row.floor_days, row.ceiling_days)?;
    if row.ca_pem.as_ref().is_some_and(|pem| pem.len() > MOST_PEM || !pem.contains("-----BEGIN CERTIFICATE-----")) {
        return Err(Fail::bad(
            "bad_ca",
            "the camera's authority is not a certificate in PEM form, or is very large",
            "paste the text that begins with -----BEGIN CERTIFICATE-----",
        ));
    }
    Ok(row)
}

/// A sealed secret in the form ours has; what is inside only the agent can tell.
fn sealed(secret: SealedSecret) -> Result<Sealed, Fail> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let enc = STANDARD.decode(&secret.enc).ok().filter(|enc| enc.len() == 32);
    let ct = STANDARD.decode(&secret.ct).ok().filter(|ct| (17..=4096).contains(&ct.len()));
    if enc.is_none() || ct.is_none() {
        return Err(Fail::bad(
            "bad_sealed",
            "the sealed credential is not an HPKE message of ours (32 bytes and a ciphertext, base64)",
            "load the page again and enter the credential again",
        ));
    }
    Ok(Sealed { enc: secret.enc, ct: secret.ct })
}

fn told(entry: Entry, row: &CameraRow) -> Entry {
    entry
        .with("name", row.name.clone())
        .with("url", row.url.clone())
        .with(
            "recording",
            match row.recording {
                Recording::Off => "off",
                _ => "continuous",
            },
        )
        .with("floor_days", i64::from(row.floor_days))
        .with("ceiling_days", i64::from(row.ceiling_days.unwrap_or(0)))
        .with("credential", if row.credential.is_some() { "sealed" } else { "none" })
}

fn wire_source(way: SourceWay) -> SourceChoice {
    match way {
        SourceWay::Auto => SourceChoice::Auto,
        SourceWay::Rtsp => SourceChoice::Rtsp,
        SourceWay::Gst => SourceChoice::Gst,
    }
}

fn wire_recording(choice: RecordingChoice) -> Recording {
    match choice {
        RecordingChoice::Continuous => Recording::Continuous,
        RecordingChoice::Off => Recording::Off,
    }
}

async fn detail(office: &Office, id: CameraId) -> Result<CameraDetail, Fail> {
    let mut c = office.db.read().await?;
    let row = cameras::get(&mut c, id).await?;
    let agent = office.agent_now(&mut c, row.agent).await?;
    let site = sites::get(&mut c, agent.site).await?;
    let now = office.fleet.camera(id);
    let problems = agent.reported.iter().flat_map(|r| show::refusals(r)).filter(|p| p.camera == Some(id)).collect();
    Ok(CameraDetail {
        summary: show::camera(&row, &now, &agent),
        site_name: site.name,
        agent_name: agent.hostname.clone(),
        time_zone: site.time_zone,
        source: show::source(row.source),
        audio: row.audio,
        has_credential: row.credential.is_some(),
        streams: now.streams.values().map(|s| show::stream(&s.status)).collect(),
        drift: show::drift(&agent),
        problems,
        added_ms: row.created_ms,
        url: row.url,
        sub_url: row.sub_url,
    })
}

impl From<PolicyError> for Fail {
    fn from(e: PolicyError) -> Self {
        let (code, next) = match &e {
            PolicyError::SecretInUrl(_) => {
                ("secret_in_url", "take user and password out of the URL and enter them in their own fields")
            }
            PolicyError::NotAUrl(_) | PolicyError::Scheme(_) => ("bad_url", "correct the URL"),
            PolicyError::CeilingBelowFloor { .. } => ("ceiling_below_floor", "raise the ceiling or lower the floor"),
            PolicyError::TooManyDays(_) => ("too_many_days", "keep it for fewer days"),
            PolicyError::Name => ("bad_name", "choose another name"),
            PolicyError::Reason => ("reason_required", "say why in a few words"),
            PolicyError::Range => ("bad_range", "choose a start before the end"),
            PolicyError::TimeZone(_) => ("bad_time_zone", "use an IANA name such as Asia/Shanghai"),
        };
        Self::bad(code, e.to_string(), next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> CameraRow {
        CameraRow {
            camera: CameraId::generate(),
            agent: AgentId::generate(),
            name: "Gate".into(),
            source: SourceChoice::Auto,
            recording: Recording::Continuous,
            audio: false,
            url: "rtsp://10.0.0.9/main".into(),
            sub_url: Some("rtsp://10.0.0.9/sub".into()),
            credential: Some(Sealed { enc: "a".into(), ct: "b".into() }),
            recovery: Some(Sealed { enc: "c".into(), ct: "d".into() }),
            ca_pem: None,
            floor_days: 30,
            ceiling_days: Some(60),
            created_ms: WallMs(1),
            removed_ms: None,
        }
    }

    #[test]
    fn what_is_not_mentioned_stays() {
        let before = row();
        let after = changed(before.clone(), ChangeCamera::default()).unwrap();
        assert_eq!(after, before);
        let ask = ChangeCamera { ceiling_days: Some(0), sub_url: Some(String::new()), ..ChangeCamera::default() };
        let after = changed(before, ask).unwrap();
        assert_eq!((after.ceiling_days, after.sub_url), (None, None));
    }

    // SEC-02
    #[test]
    fn a_new_host_asks_for_the_credential_again() {
        let to = |url: &str| ChangeCamera { url: Some(url.into()), ..ChangeCamera::default() };
        assert_eq!(changed(row(), to("rtsp://10.0.0.8/main")).unwrap_err().code, "credential_required");
        assert_eq!(changed(row(), to("rtsp://a:b@10.0.0.8/main")).unwrap_err().code, "secret_in_url");
        assert!(changed(row(), to("rtsp://10.0.0.9:554/other")).is_ok());
    }

    #[test]
    fn a_password_in_a_url_is_refused_with_advice() {
        let refused = checked(CameraRow { url: "rtsp://admin:pw@10.0.0.9/x".into(), ..row() }).unwrap_err();
        assert_eq!(refused.code, "secret_in_url");
        assert!(refused.next.contains("own fields"), "{}", refused.next);
        assert_eq!(checked(CameraRow { ceiling_days: Some(7), ..row() }).unwrap_err().code, "ceiling_below_floor");
        let sub_url = Some("rtsp://10.0.0.8/sub".to_owned());
        assert_eq!(checked(CameraRow { sub_url, ..row() }).unwrap_err().code, "two_hosts");
    }
}
