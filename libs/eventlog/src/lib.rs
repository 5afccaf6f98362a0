//! The log on NATS JetStream: blocks, fence, chain, followers
