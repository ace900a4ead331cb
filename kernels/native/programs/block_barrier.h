// All lanes of the block arrive here before one goes on. The next item's body may overwrite what this one's shared.
HP_SYNC;
