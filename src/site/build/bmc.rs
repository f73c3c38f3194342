//! A machine's BMC: what its kind needs of what the site says.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Builder;
use crate::base::bmc::UserRole;
use crate::base::duration::Seconds;
use crate::base::name::UserName;
use crate::lang::node::{BmcNetworkNode, BmcNode};
use crate::site::model::{
    Bmc, BmcAccount, BmcManual, BmcProtocol, BmcTrust, BmcWebhook, DeclaredBmc, DeclaredNetwork,
    DeclaredUser,
};
use crate::site::resolve::{Host, requests};

/// How long a person may take where the site does not say.
const ASKED_WITHIN: Seconds = Seconds(1800);

impl Builder<'_> {
    pub(super) fn bmc(&self, host: &Host<'_>, node: &BmcNode) -> Option<DeclaredBmc> {
        let protocol = match node.kind.value()?.as_str() {
            "ipmi" => BmcProtocol::Ipmi {
                account: account(node)?,
                cipher_suite: node.cipher_suite.value().copied(),
                privilege: node.privilege.value().cloned(),
                key: node.key.value().cloned(),
            },
            "webhook" => BmcProtocol::Webhook(Box::new(BmcWebhook {
                requests: requests(&host.name.value, node).ok()??,
                username: node.username.value().cloned(),
                password: node.password.value().cloned(),
                trusts: trusts(node),
            })),
            "wake-on-lan" => {
                let (mac, subnet) = self.draft.woken(host, node)?;
                BmcProtocol::WakeOnLan { mac, subnet }
            }
            "manual" => BmcProtocol::Manual(Box::new(BmcManual {
                machine: host.name.value.clone(),
                instruction: node.switch.instruction.value().cloned(),
                within: node.switch.within.value().copied().unwrap_or(ASKED_WITHIN),
            })),
            "qemu" => BmcProtocol::Qemu {
                socket: node.switch.socket.value()?.clone(),
            },
            _ => BmcProtocol::Redfish {
                account: account(node)?,
                system: node.system.value().cloned(),
                trusts: trusts(node),
            },
        };
        Some(DeclaredBmc {
            bmc: Arc::new(Bmc { protocol }),
            origin: self.sources.origin(node.span),
        })
    }
}

impl Builder<'_> {
    /// How it is to be on its own network, by where the site has its address.
    pub(super) fn bmc_network(
        &self,
        bmc: &BmcNode,
        node: &BmcNetworkNode,
    ) -> Option<DeclaredNetwork> {
        let number = self.draft.subnet_of_bmc(bmc)?;
        let subnet = self.draft.subnets.get(number)?.node;
        let is_static = node.source.value()? == "static";
        let of_subnet = || match subnet.gateway.value() {
            Some(IpAddr::V4(gateway)) => Some(*gateway),
            Some(IpAddr::V6(_)) | None => None,
        };
        let gateway = node.gateway.value().copied().or_else(of_subnet);
        let id = self.draft.vlan_of(number)?.node.id.value().copied();
        Some(DeclaredNetwork {
            mask: subnet.prefix.value.mask4().filter(|_| is_static),
            gateway: gateway.filter(|_| is_static),
            vlan: node.tagged.value().map(|tagged| id.filter(|_| *tagged)),
            origin: self.sources.origin(node.span),
        })
    }

    /// Who else may use it.
    pub(super) fn bmc_users(&self, node: &BmcNode) -> Option<BTreeMap<UserName, DeclaredUser>> {
        let users = node.users.iter().map(|user| {
            let declared = DeclaredUser {
                role: UserRole::from(user.role.value()?.as_str()),
                password: user.password.value()?.clone(),
                origin: self.sources.origin(user.span),
            };
            Some((user.name.value.clone(), declared))
        });
        users.collect()
    }
}

fn account(node: &BmcNode) -> Option<BmcAccount> {
    Some(BmcAccount {
        address: *node.address.value()?,
        port: node.port.value().copied(),
        username: node.username.value()?.clone(),
        password: node.password.value()?.clone(),
    })
}

fn trusts(node: &BmcNode) -> BmcTrust {
    match (node.fingerprint.value(), node.authority.value()) {
        (Some(fingerprint), _) => BmcTrust::Pinned(*fingerprint),
        (None, Some(path)) => BmcTrust::Authority(path.clone()),
        (None, None) => BmcTrust::System,
    }
}
