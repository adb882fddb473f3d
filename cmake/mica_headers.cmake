# <mica/...>: the folders as they are, linked under one name, so that core/ never clashes with a host program's own;
# the generated <mica/core/config.h>; and <mica/mica.h> over all public headers.
set(mica_include ${CMAKE_CURRENT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${mica_include}/mica/core)

set(mica_public_headers)  # relative to the source folder
foreach(folder core core/ops nn nn/models optim data)
  file(GLOB headers RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS ${folder}/*.h)
  list(APPEND mica_public_headers ${headers})
endforeach()
list(FILTER mica_public_headers EXCLUDE REGEX "_internal\\.h$")

foreach(folder core/ops nn optim data cpu cuda tools tests)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
    file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${folder} ${mica_include}/mica/${folder} SYMBOLIC)
  endif()
endforeach()
file(GLOB core_headers RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS core/*.h)
foreach(header ${core_headers})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${header} ${mica_include}/mica/${header} SYMBOLIC)
endforeach()

configure_file(core/config.h.in ${mica_include}/mica/core/config.h)
set(mica_umbrella "// mica: all public headers.\n#pragma once\n")
foreach(header core/config.h ${mica_public_headers})
  string(APPEND mica_umbrella "#include <mica/${header}>\n")
endforeach()
file(CONFIGURE OUTPUT ${mica_include}/mica/mica.h CONTENT "${mica_umbrella}" @ONLY)
