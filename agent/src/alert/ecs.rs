//! ECS names.
