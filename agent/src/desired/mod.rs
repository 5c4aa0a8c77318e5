//! Whether a desired state is accepted: signature, addressee, generation, expiry.
