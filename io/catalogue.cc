#include "gyre/io/catalogue.h"

#include "gyre/io/copy_ops.h"
#include "gyre/io/direct_descriptor.h"
#include "gyre/io/event_ops.h"
#include "gyre/io/file_ops.h"
#include "gyre/io/futex_ops.h"
#include "gyre/io/mapping_ops.h"
#include "gyre/io/message_ops.h"
#include "gyre/io/path_ops.h"
#include "gyre/io/pipe_ops.h"
#include "gyre/io/poll_ops.h"
#include "gyre/io/process_ops.h"
#include "gyre/io/resolver_ops.h"
#include "gyre/io/ring_ops.h"
#include "gyre/io/socket_ops.h"
#include "gyre/io/socket_setup_ops.h"
#include "gyre/io/space_ops.h"
#include "gyre/io/splice_ops.h"
#include "gyre/io/write_ops.h"
#include "gyre/io/xattr_ops.h"

namespace gyre {

std::vector<const operation_kind*> catalogue() {
  std::vector<const operation_kind*> all;
  for (const auto family :
       {op::file_operations(), op::write_operations(), op::space_operations(),
        op::path_operations(), op::xattr_operations(), op::mapping_operations(),
        op::poll_operations(), op::socket_operations(), op::socket_setup_operations(),
        op::message_operations(), op::splice_operations(), op::direct_operations(),
        op::pipe_operations(), op::copy_operations(), op::event_operations(),
        op::futex_operations(), op::process_operations(), op::resolver_operations(),
        op::ring_operations()})
    all.insert(all.end(), family.begin(), family.end());
  return all;
}

}  // namespace gyre
