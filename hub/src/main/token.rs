//! `token new`: an enrolment URL, and its code in the terminal.

use std::path::Path;

use anyhow::Context as _;
use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::enrol::tokens;
use farwatch_hub::policy;
use farwatch_hub::store::changes::{self, Kind};
use farwatch_hub::store::sites::SiteRow;
use farwatch_hub::store::{self};
use farwatch_shared::id::SiteId;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::json;

use crate::open::{answer, open};

#[derive(clap::Subcommand)]
pub enum Token {
    /// Makes a token with which one box can join a site, once.
    New {
        /// The site's name; it is made when it is new.
        #[arg(long)]
        site: String,
        /// Time zone of a new site (IANA name). Default: UTC.
        #[arg(long)]
        time_zone: Option<String>,
        /// How long the token lives: 90s, 30m, 1h, 2d; at most 7d.
        #[arg(long, default_value = "1h", value_parser = span_ms)]
        ttl: i64,
    },
}

fn span_ms(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is not a time span; write it like 30m, 1h or 2d");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?);
    let number: i64 = number.parse().map_err(|_| wrong())?;
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(unit)
        .filter(|ms| (60_000..=tokens::MAX_TTL_MS).contains(ms))
        .ok_or_else(|| format!("{text} is not between one minute and 7 days"))
}

pub async fn act(dir: &Path, json: bool, ask: Token) -> anyhow::Result<()> {
    let Token::New { site, time_zone, ttl } = ask;
    let hub = open(dir).await?;
    let now = hub.clock.wall();
    let name = policy::name(&site)?;
    let zone = policy::time_zone(time_zone.as_deref().unwrap_or("UTC"))?;
    let found = store::sites::by_name(&mut *hub.db.read().await?, &name).await?;
    if let (Some(found), Some(asked)) = (&found, &time_zone)
        && found.time_zone != *asked
    {
        anyhow::bail!("the site {name:?} exists with time zone {}; leave --time-zone out", found.time_zone);
    }
    let is_new = found.is_none();
    let site = found.unwrap_or(SiteRow { site: SiteId::generate(), name, time_zone: zone, created_ms: now });
    let made = tokens::make(site.site, None, ttl, now)?;
    let (row, token) = (site.clone(), made.row.clone());
    hub.db
        .write(move |c| {
            Box::pin(async move {
                if is_new {
                    store::sites::insert(c, &row).await?;
                    let entry =
                        Entry::done(now, Actor::CommandLine, "site.add", row.site).with("name", row.name.as_str());
                    audit::append(c, &entry).await?;
                }
                store::tokens::insert(c, &token).await?;
                changes::note(c, Kind::Site, &row.site.to_string(), now).await?;
                let entry = Entry::done(now, Actor::CommandLine, "token.add", token.token)
                    .with("site", row.site.to_string())
                    .with("expires_ms", token.expires_ms);
                audit::append(c, &entry).await
            })
        })
        .await?;
    let url = tokens::url(&made.secret, &hub.keys, &hub.config, &hub.doors).to_string();
    let value = json!({
        "url": url,
        "token": made.row.token,
        "site": site.site,
        "expires_ms": made.row.expires_ms,
    });
    let code = QrCode::new(url.as_bytes()).context("the URL is too long for a code")?;
    let picture = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let text = format!(
        "{picture}\n\nScan the code on the box, or give it this URL (farwatch-agent enrol), before {}:\n\n  {url}\n\n\
         It works once, for one box at {:?}.",
        made.row.expires_ms, site.name
    );
    answer(json, &value, &text);
    Ok(())
}
