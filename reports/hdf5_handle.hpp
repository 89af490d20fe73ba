#pragma once

#include <hdf5.h>

#include <utility>

#include "sim/check.hpp"

namespace orrery {

/// An open thing of the HDF5 library and the call that closes it. Files are built in memory, where
/// only our own mistakes can fail: so a negative answer is a fault of ours.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle(hid_t id, Close close) : id_(id), close_(close) { ORRERY_CHECK(id >= 0); }
  Hdf5Handle(Hdf5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  ~Hdf5Handle() {
    if (id_ >= 0) close_(id_);
  }
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  Close close_;
};

inline void hdf5_check(herr_t status) { ORRERY_CHECK(status >= 0); }

}  // namespace orrery
