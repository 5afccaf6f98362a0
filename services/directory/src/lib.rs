//! Recipients, units and agreements
