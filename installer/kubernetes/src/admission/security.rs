//! The security context that level `restricted` of Pod Security requires.

use k8s_openapi::api::core::v1::{
    Capabilities, EmptyDirVolumeSource, Pod, PodSecurityContext, SeccompProfile, SecurityContext,
};

/// Returns the pod with everything that level `restricted` of Pod Security requires.
pub(crate) fn hardened(pod: &Pod) -> Pod {
    let mut pod = pod.clone();
    let Some(spec) = &mut pod.spec else { return pod };
    let runtime_default = || SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None };
    (spec.host_network, spec.host_pid, spec.host_ipc) = (None, None, None);
    spec.security_context = Some(PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(1000),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    });
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        container.security_context = Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { add: None, drop: Some(vec!["ALL".to_owned()]) }),
            run_as_non_root: Some(true),
            seccomp_profile: Some(runtime_default()),
            ..SecurityContext::default()
        });
        for port in container.ports.iter_mut().flatten() {
            port.host_port = None;
        }
    }
    for volume in spec.volumes.iter_mut().flatten() {
        if volume.host_path.take().is_some() {
            volume.empty_dir = Some(EmptyDirVolumeSource::default());
        }
    }
    pod
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn hardened_pod_keeps_its_resources_and_images() {
        let pod: Pod = serde_json::from_value(json!({"spec": {
            "hostNetwork": true,
            "containers": [{
                "name": "a", "image": "b", "resources": {"requests": {"cpu": "1"}},
                "securityContext": {"privileged": true}, "ports": [{"containerPort": 1, "hostPort": 2}]
            }],
            "volumes": [{"name": "c", "hostPath": {"path": "/"}}]
        }}))
        .unwrap();
        let spec = hardened(&pod).spec.unwrap();
        assert_eq!(spec.host_network, None);
        let container = &spec.containers[0];
        assert_eq!(container.resources, pod.spec.unwrap().containers[0].resources);
        assert_eq!(container.security_context.as_ref().unwrap().privileged, None);
        assert_eq!(container.ports.as_ref().unwrap()[0].host_port, None);
        assert!(spec.volumes.unwrap()[0].host_path.is_none());
    }
}
