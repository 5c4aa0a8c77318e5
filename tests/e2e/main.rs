//! From the lens to the browser and back: every flow of the house once, over real sockets.

mod desired;
mod evidence;
mod footage;
mod identity;
mod kept;
mod modes;
mod recording;
