//! What tools do: from executable and arguments to a meaning.
