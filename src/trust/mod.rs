//! Who may do what, and the one place where bytes become believed.
