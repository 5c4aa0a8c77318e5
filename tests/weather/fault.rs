//! The faults, what each does to a house, and the cause its missing seconds must bear.

use std::time::Duration;

use farwatch_shared::wire::latest::GapCause;
use farwatch_tests::child::signal;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use crate::house::{House, MOUNTS};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// `kill -9` of the recorder.
    RecorderKilled,
    /// `kill -9` of the agent; its recorder goes on.
    AgentKilled,
    /// A camera keeps its connection and sends nothing.
    CameraHangs(usize),
    /// A camera hangs up and is not there for a while.
    CameraOff(usize),
    /// A camera hangs up and is there at once.
    CameraHangsUp(usize),
    /// A camera leaves out so many of a thousand packets.
    RtpLoss(usize, u32),
    /// Nothing is heard of any camera, and the link is up.
    AllCamerasSilent,
    /// The cable of the camera network is pulled.
    NetworkCut,
    DiskFull,
    InodesUsedUp,
    /// The disk stalls for a moment, again and again.
    DiskSlow,
    /// The disk stalls for longer than the buffer lasts.
    DiskStalls,
    /// The file system meets an error, goes read-only, and is mounted anew.
    ReadOnly,
    /// The wall clock is stepped by so many seconds, and later back.
    ClockStep(i64),
}

use Fault::{
    AgentKilled, AllCamerasSilent, CameraHangs, CameraHangsUp, CameraOff, ClockStep, DiskFull, DiskSlow, DiskStalls,
    InodesUsedUp, NetworkCut, ReadOnly, RecorderKilled, RtpLoss,
};

const HOUR_S: i64 = 3_600;

/// One of each kind, and a second clock step: back is not the same as forth.
pub const EACH: [Fault; 15] = [
    RecorderKilled,
    CameraHangs(0),
    RtpLoss(2, 60),
    ClockStep(90),
    NetworkCut,
    DiskFull,
    CameraOff(1),
    ReadOnly,
    ClockStep(-HOUR_S),
    DiskSlow,
    AllCamerasSilent,
    InodesUsedUp,
    CameraHangsUp(2),
    DiskStalls,
    AgentKilled,
];

/// More of the kinds that take no long time, of other sizes and at other cameras.
pub const MORE: [Fault; 8] = [
    RecorderKilled,
    CameraHangs(1),
    ClockStep(40 * 24 * HOUR_S),
    NetworkCut,
    RtpLoss(0, 300),
    CameraOff(2),
    ClockStep(-24 * HOUR_S),
    DiskFull,
];

impl Fault {
    /// What every missing second must be put down to; `None` when none may be missing.
    #[must_use]
    pub fn cause(self) -> Option<GapCause> {
        match self {
            RecorderKilled => Some(GapCause::Agent),
            CameraHangs(_) | CameraOff(_) | CameraHangsUp(_) | RtpLoss(..) => Some(GapCause::Camera),
            AllCamerasSilent | NetworkCut => Some(GapCause::Network),
            DiskFull | InodesUsedUp | DiskStalls | ReadOnly => Some(GapCause::Disk),
            AgentKilled | DiskSlow | ClockStep(_) => None,
        }
    }

    /// Whether footage of this camera may be missing.
    #[must_use]
    pub fn touches(self, camera: usize) -> bool {
        match self {
            CameraHangs(one) | CameraOff(one) | CameraHangsUp(one) | RtpLoss(one, _) => one == camera,
            _ => self.cause().is_some(),
        }
    }

    /// Begins it, lets it last, ends it. `chance` spreads the lengths.
    pub async fn happen(self, house: &mut House, chance: u8) {
        let more = Duration::from_millis(u64::from(chance) * 12);
        let seconds = |s| Duration::from_secs(s) + more;
        let eye = |house: &House, line: &str| drop(house.eye.control(line).expect("the camera obeys"));
        match self {
            RecorderKilled => signal(house.agent.recorder_pid().await, Signal::KILL),
            AgentKilled => {
                house.agent.kill().await;
                sleep(seconds(2)).await;
                house.start_agent();
            }
            CameraHangs(camera) => {
                eye(house, &format!("hang {}", MOUNTS[camera]));
                sleep(seconds(7)).await;
                eye(house, &format!("resume {}", MOUNTS[camera]));
            }
            CameraOff(camera) => {
                eye(house, &format!("down {}", MOUNTS[camera]));
                sleep(seconds(3)).await;
                eye(house, &format!("up {}", MOUNTS[camera]));
            }
            CameraHangsUp(camera) => eye(house, &format!("kill {}", MOUNTS[camera])),
            RtpLoss(camera, permille) => {
                eye(house, &format!("drop {permille} {}", MOUNTS[camera]));
                sleep(seconds(4)).await;
                eye(house, &format!("drop 0 {}", MOUNTS[camera]));
            }
            AllCamerasSilent => {
                eye(house, "hang *");
                sleep(seconds(9)).await;
                eye(house, "resume *");
            }
            NetworkCut => {
                house.link.cut();
                sleep(seconds(6)).await;
                house.link.mend();
            }
            DiskFull => {
                // The box makes room meanwhile, and gets none of it.
                let until = Instant::now() + seconds(5);
                while Instant::now() < until {
                    // What is being recorded may go as soon as it is closed.
                    house.books.hold();
                    house.disk.fill();
                    house.books.read();
                    sleep(Duration::from_millis(200)).await;
                }
                house.disk.empty();
                house.books.read();
                house.books.let_go();
            }
            InodesUsedUp => {
                let until = Instant::now() + seconds(13);
                while Instant::now() < until {
                    house.disk.fill_inodes();
                    sleep(Duration::from_millis(200)).await;
                }
                house.disk.empty();
            }
            DiskSlow => {
                for _ in 0..4 {
                    house.disk.freeze();
                    sleep(Duration::from_millis(700) + more / 3).await;
                    house.disk.thaw();
                    sleep(Duration::from_millis(200)).await;
                }
            }
            DiskStalls => {
                house.disk.freeze();
                sleep(seconds(22)).await;
                house.disk.thaw();
            }
            ReadOnly => {
                house.disk.stop();
                sleep(seconds(3)).await;
                house.kill_box().await;
                house.disk.unmount();
                house.disk.remount();
                house.start_agent();
            }
            ClockStep(by) => {
                house.shim.step_wall_to(by * 1_000);
                sleep(seconds(5)).await;
                house.shim.step_wall_to(0);
            }
        }
    }
}
