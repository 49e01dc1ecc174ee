#pragma once

namespace micro {

/// Binds this thread to the `index`-th of the CPUs that the process was allowed when it began;
/// false where there are fewer.
bool pin_to(unsigned index);

}  // namespace micro
