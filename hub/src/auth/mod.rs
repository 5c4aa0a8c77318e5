//! Who a person is: set-up link, password, session.
