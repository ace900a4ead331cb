// Which leaves the network runs for in this frame: `due` [count] holds their numbers, in order. One block.
//
// A round covers all leaves whose rows changed since the network last ran for them; the first round covers all leaves.
// The next round begins `longest` frames after this one began or, if `automatic`, once iterations have risen by a
// quarter since this one ended. If `automatic`, a frame takes at most `portion` leaves of any round but the first, so
// that no frame waits for all of them. Leaves that are due count as changed.
// memory [3]: age of the round in frames (-1: none yet), iterations when it ended (-1: unknown), leaves left of it. A
// run that only loads kernels is no frame: it has negative iterations.
constexpr int STALE = 1, WAITS = 2;                                       // bits of a leaf's `flags`
HP_SHARED int first_of[LANES + 1];
int age = memory.data[0], fresh = memory.data[1];
const int left = memory.data[2], taken = counter.data[ITERATION];
const bool never = age < 0, solved = taken >= 0;
if (solved && !never) ++age;
if (solved && left == 0 && fresh < 0) fresh = taken;
const bool begins = never || (left == 0 && (age >= longest || (automatic && solved && 4 * taken > 5 * fresh)));
const int share = (leaves + lanes - 1) / lanes, from = lane * share, end = from + share < leaves ? from + share : leaves;
int waiting = 0;
for (int b = from; b < end; ++b) {
    int flag = flags.data[b];
    if (changed.data[b]) flag |= STALE;
    if (begins && (never || (flag & STALE))) flag |= WAITS;
    flags.data[b] = flag;
    waiting += (flag & WAITS) != 0;
}
first_of[lane + 1] = waiting;
HP_SYNC;                                            // each lane wrote how many of its leaves wait; one adds them up
if (lane == 0) {
    first_of[0] = 0;
    for (int l = 0; l < lanes; ++l) first_of[l + 1] += first_of[l];
}
HP_SYNC;                                            // lane 0 added up; each lane reads where its leaves begin in `due`
const int all = first_of[lanes], asked = automatic && !never && all > portion ? portion : all;
int at = first_of[lane];
for (int b = from; b < end; ++b)
    if (flags.data[b] & WAITS) {
        if (at < asked) {
            due.data[at] = b;
            flags.data[b] = 0;
            changed.data[b] = 1;
        }
        ++at;
    }
if (lane == 0) {                                                         // all read memory before the first barrier
    count.data[0] = asked;
    memory.data[0] = begins ? 0 : age;
    memory.data[1] = begins ? -1 : fresh;
    memory.data[2] = all - asked;
}
