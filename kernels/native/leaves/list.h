// `listed`, groups * W or more: the leaves that changed, or, with `reach`, that have a neighbour that did, in groups of W; then -1.
// Groups of `members` in which most are due stay as they are, the other leaves are put together. `marked` [leaves] says
// which are due. One block, for the CPU: one lane does it all.
if (lane > 0) return;
for (int b = 0; b < leaves; ++b) {
    int stale = changed.data[b];
    for (int d = 0; reach && d < directions; ++d) stale |= changed.data[neighbor.data[b * directions + d]];
    marked.data[b] = stale;
}
const int places = (int)members.shape[0];
int count = 0;
auto due = [&](int place) { return members.data[place] >= 0 && marked.data[members.data[place]] != 0; };
auto stays = [&](int first) -> bool {
    int wet = 0, stale = 0;
    for (int w = 0; w < W; ++w) wet += members.data[first + w] >= 0, stale += due(first + w);
    return stale > 0 && 2 * stale >= wet;
};
for (int first = 0; first < places; first += W)
    if (stays(first))
        for (int w = 0; w < W; ++w) listed.data[count++] = members.data[first + w];
for (int first = 0; first < places; first += W)
    if (!stays(first))
        for (int w = 0; w < W; ++w)
            if (due(first + w)) listed.data[count++] = members.data[first + w];
while (count < (int)listed.shape[0]) listed.data[count++] = -1;
