#pragma once
#include "mica/core/op.h"

namespace mica {

// While one lives, it is told of every op that its thread runs, after the op's forward (summary, profiles, tests). The latest one is told.
class Observer {
 public:
  Observer();
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual void ran(const Call& call) = 0;
 private:
  Observer* before_;
};

// The path of the module that a call sits in (layer1.0.conv1): that of the first argument that has one, less its last part. Empty if none has.
std::string module_path(const Call& call);

}  // namespace mica
