//! Quotas of an account in a region.

use std::collections::BTreeMap;

use crate::refusal::{Refusal, refused};

/// A quota that devplat can meet, with its code in Service Quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quota {
    /// VPCs in a region: `L-F678F1CE`.
    Vpcs,
    /// Subnets in a VPC: `L-407747CB`.
    SubnetsPerVpc,
    /// Internet gateways in a region: `L-A4707A72`.
    InternetGateways,
    /// NAT gateways in a zone: `L-FE5A380F`.
    NatGatewaysPerZone,
    /// Elastic IP addresses in a region: `L-0263D0A3`.
    Addresses,
    /// Route tables in a VPC: `L-589F43AA`.
    RouteTablesPerVpc,
    /// Routes in a route table: `L-93826ACB`.
    RoutesPerTable,
    /// Security groups in a region: `L-E79EC296`.
    SecurityGroups,
    /// Rules of a security group in one direction: `L-0EA8095F`.
    RulesPerGroup,
    /// Interface endpoints in a VPC: `L-29B6F2EB`.
    InterfaceEndpointsPerVpc,
    /// Gateway endpoints in a region: `L-1B52E74A`.
    GatewayEndpoints,
}

impl Quota {
    /// Returns what a new account has: the table of quotas in the VPC and EC2 user guides.
    fn default_limit(self) -> usize {
        match self {
            Self::Vpcs | Self::InternetGateways | Self::NatGatewaysPerZone | Self::Addresses => 5,
            Self::SubnetsPerVpc | Self::RouteTablesPerVpc => 200,
            Self::RoutesPerTable => 500,
            Self::SecurityGroups => 2500,
            Self::RulesPerGroup => 60,
            Self::InterfaceEndpointsPerVpc => 50,
            Self::GatewayEndpoints => 20,
        }
    }

    fn error(self) -> (&'static str, &'static str) {
        match self {
            Self::Vpcs => ("VpcLimitExceeded", "The maximum number of VPCs has been reached."),
            Self::SubnetsPerVpc => ("SubnetLimitExceeded", "The maximum number of subnets has been reached."),
            Self::InternetGateways => {
                ("InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached.")
            }
            Self::NatGatewaysPerZone => (
                "NatGatewayLimitExceeded",
                "Performing this operation would exceed the limit of NAT gateways.",
            ),
            Self::Addresses => ("AddressLimitExceeded", "The maximum number of addresses has been reached."),
            Self::RouteTablesPerVpc => {
                ("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
            }
            Self::RoutesPerTable => {
                ("RouteLimitExceeded", "The maximum number of routes in a route table has been reached.")
            }
            Self::SecurityGroups => {
                ("SecurityGroupLimitExceeded", "The maximum number of security groups has been reached.")
            }
            Self::RulesPerGroup => (
                "RulesPerSecurityGroupLimitExceeded",
                "The maximum number of rules per security group has been reached.",
            ),
            Self::InterfaceEndpointsPerVpc | Self::GatewayEndpoints => {
                ("VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached.")
            }
        }
    }
}

/// The quotas of an account that differ from those of a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Quotas(BTreeMap<Quota, usize>);

impl Quotas {
    pub(crate) fn set(&mut self, quota: Quota, limit: usize) {
        self.0.insert(quota, limit);
    }

    /// Fails if one more than `used` is above the quota.
    pub(crate) fn one_more(&self, quota: Quota, used: usize) -> Result<(), Refusal> {
        let limit = self.0.get(&quota).copied().unwrap_or_else(|| quota.default_limit());
        let (code, message) = quota.error();
        if used < limit { Ok(()) } else { Err(refused(code, message)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_account_has_five_vpcs() {
        let mut quotas = Quotas::default();
        assert_eq!(quotas.one_more(Quota::Vpcs, 4), Ok(()));
        let Refusal::Aws(error) = quotas.one_more(Quota::Vpcs, 5).unwrap_err() else { panic!() };
        assert_eq!(error.code, "VpcLimitExceeded");
        quotas.set(Quota::Vpcs, 6);
        assert_eq!(quotas.one_more(Quota::Vpcs, 5), Ok(()));
    }
}
